/** Stands for a table: the newest message of each user. */
export const messages = new Map<string, string>();

export async function unreadOf(userId: string): Promise<string> {
  return messages.get(userId) ?? 'nothing';
}
