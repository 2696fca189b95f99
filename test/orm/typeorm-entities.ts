import { EntitySchema } from 'typeorm';

export class User {
  declare id: number;
}

export class Notification {
  declare id: number;
  declare userId: number;
  declare text: string;
  declare read: boolean;
  declare deletedAt: Date | null;
  /** Loaded by whoever looks at it. */
  declare user: Promise<User>;
}

export const UserSchema = new EntitySchema<User>({
  name: 'User',
  target: User,
  tableName: 'users',
  columns: { id: { type: 'int', primary: true } },
});

export const NotificationSchema = new EntitySchema<Notification>({
  name: 'Notification',
  target: Notification,
  tableName: 'notifications',
  columns: {
    id: { type: 'int', primary: true, generated: 'increment' },
    userId: { type: 'int', name: 'user_id' },
    text: { type: 'text' },
    read: { type: 'boolean', default: false },
    deletedAt: { type: Date, name: 'deleted_at', deleteDate: true, nullable: true },
  },
  relations: {
    user: { type: 'many-to-one', target: () => User, lazy: true, joinColumn: { name: 'user_id' } },
  },
});

/** With ids that the application gives: TypeORM never tells PostgreSQL a generated one, so that an upsert would insert. */
export class NumberedNotification {
  declare id: number;
  declare userId: number;
  declare text: string;
}

export const NumberedNotificationSchema = new EntitySchema<NumberedNotification>({
  name: 'NumberedNotification',
  target: NumberedNotification,
  tableName: 'notifications',
  columns: {
    id: { type: 'int', primary: true },
    userId: { type: 'int', name: 'user_id' },
    text: { type: 'text' },
  },
});

export class Thread {
  declare id: number;
  declare posts: Post[];
}

export class Post {
  declare id: number;
  declare text: string | null;
  declare thread: Thread | null;
}

export const ThreadSchema = new EntitySchema<Thread>({
  name: 'Thread',
  target: Thread,
  columns: { id: { type: 'int', primary: true } },
  relations: { posts: { type: 'one-to-many', target: 'Post', inverseSide: 'thread', cascade: true } },
});

/** Its relation has no column of its own. */
export const PostSchema = new EntitySchema<Post>({
  name: 'Post',
  target: Post,
  columns: { id: { type: 'int', primary: true }, text: { type: 'text', nullable: true } },
  relations: {
    thread: { type: 'many-to-one', target: 'Thread', inverseSide: 'posts', orphanedRowAction: 'delete' },
  },
});
