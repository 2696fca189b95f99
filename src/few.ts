/**
 * Any number of members, in the order in which they came. One alone stands for itself: most sets of a process with many
 * streams have one member, and a `Set` weighs 200 bytes before it has any.
 */
export type Few<Member extends object> = Member | Set<Member> | undefined;

export function isMember<Member extends object>(few: Few<Member>, member: Member): boolean {
  return few instanceof Set ? few.has(member) : few === member;
}

export function membersOf<Member extends object>(few: Few<Member>): IterableIterator<Member> {
  if (few instanceof Set) return few.values();
  return (few === undefined ? [] : [few as Member]).values();
}

/** Changes `few`; what it gives takes its place. */
export function withMember<Member extends object>(few: Few<Member>, member: Member): Few<Member> {
  if (few instanceof Set) return few.add(member);
  return few === undefined || few === member ? member : new Set([few as Member, member]);
}

/** Changes `few`; what it gives takes its place, undefined where nobody is left. */
export function withoutMember<Member extends object>(few: Few<Member>, member: Member): Few<Member> {
  if (!(few instanceof Set)) return few === member ? undefined : few;
  few.delete(member);
  return few.size === 0 ? undefined : few;
}
