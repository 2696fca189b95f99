/** Stands for the sessions of an application: the user whose id is in the cookie. */
export function userOf(cookie: string | undefined): string | undefined {
  const [, userId] = /(?:^|; *)user=([^;]*)/.exec(cookie ?? '') ?? [];
  if (userId === 'forged') throw Object.assign(new Error('a forged cookie'), { status: 400 });
  return userId;
}
