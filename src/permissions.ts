import { Applicant } from './applicant.ts';
import { Permission, type PermissionContext, type PermissionRule } from './permission.ts';
import type { Subject } from './subject.ts';

/** Who wants to see what on a route. */
export interface PermissionRequest {
  /** That of the route. */
  readonly rule: PermissionRule;
  readonly keys: readonly string[];
  readonly subject: Subject;
  readonly viewer: Subject | undefined;
}

/** All permissions that somebody needs: one a route, subject, viewer and keys. */
export class Permissions {
  readonly #context: PermissionContext;
  readonly #permissions = new Map<string, Permission>();

  constructor(context: Omit<PermissionContext, 'onEmpty'>) {
    this.#context = { ...context, onEmpty: ({ name }) => this.#permissions.delete(name) };
  }

  /** Asks for somebody, who has to leave in the end. `route` is the number of the route, `path` is for errors. */
  apply(route: number, { rule, keys, subject, viewer }: PermissionRequest, path: string): Applicant {
    const name = JSON.stringify([route, keys, subject.text, viewer?.text ?? '']);
    const known = this.#permissions.get(name);
    if (known !== undefined) return new Applicant(known);
    const permission = new Permission(this.#context, { rule, keys, subject, viewer, name, path });
    this.#permissions.set(name, permission);
    return new Applicant(permission);
  }
}
