/** What a member of a list keeps for the list alone. */
export interface Linked<Member> {
  previous: Member | undefined;
  next: Member | undefined;
}

/** A list whose members know their neighbours, so that taking one out and putting it at the end costs and leaves nothing. */
export class LinkedList<Member extends Linked<Member>> {
  #first: Member | undefined;
  #last: Member | undefined;

  get first(): Member | undefined {
    return this.#first;
  }

  append(member: Member): void {
    member.previous = this.#last;
    if (this.#last === undefined) this.#first = member;
    else this.#last.next = member;
    this.#last = member;
  }

  remove(member: Member): void {
    const { previous, next } = member;
    if (previous === undefined) this.#first = next;
    else previous.next = next;
    if (next === undefined) this.#last = previous;
    else next.previous = previous;
    member.previous = member.next = undefined;
  }
}
