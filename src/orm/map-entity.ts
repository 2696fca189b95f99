import { requireFunction, requireKnown } from '../option-checks.ts';
import type { Change, Keys, Mapping, MappingOptions } from './mapping.ts';

/** @throws TypeError for anything but a function, and an option that does not exist. */
export function mapEntity<Entity, Row, K extends string>(
  entity: Entity,
  toKeys: (row: Row, change: Change<Row>) => Keys<K>,
  options: MappingOptions<K> = {},
): Mapping<Entity, K> {
  requireFunction('the mapping', toKeys, 'on(User, (user) => user.name)');
  requireKnown('on', options, ['bulk']);
  if (options.bulk !== undefined) requireFunction('bulk', options.bulk, 'it gives keys');
  return {
    entity,
    toKeys: (row, change) => toKeys(row as Row, change as Change<Row>),
    bulk: options.bulk,
  };
}
