import { pathsWithin, toldPaths } from './told-paths.ts';

/** A column or a relation. That of an embedded has a path such as `address.street`. */
export interface Property {
  readonly propertyPath: string;
}

export interface Properties {
  readonly columns: readonly Property[];
  readonly relations: readonly Property[];
}

/** The row as far as its columns and relations were told. */
export function toldEntity(row: object, properties: Properties): object {
  return toldPaths(row, new Set([...ownColumns(properties), ...pathsOf(properties.relations)]));
}

/** What an update was given, and what was read before it. */
export interface Saved {
  readonly before: object;
  readonly given: object;
  readonly properties: Properties;
  /** The columns that differed. */
  readonly updated: readonly Property[];
}

/**
 * The row as it is now: `save` takes part of an entity, and leaves what is undefined as it was. TypeORM then writes null
 * into the nullable columns that were left out, so a null of a column counts only where it was saved.
 */
export function savedEntity({ before, given, properties, updated }: Saved): object {
  return overlay(before, given, ownColumns(properties), pathsOf(updated));
}

/** Property by property without a look at their values, since to read a lazy relation is to load it. */
function overlay(
  before: object,
  given: object,
  columns: ReadonlySet<string>,
  updated: ReadonlySet<string>,
): object {
  const properties = Object.getOwnPropertyDescriptors(before) as Record<string, PropertyDescriptor>;
  for (const [name, property] of Object.entries(Object.getOwnPropertyDescriptors(given))) {
    const inner = pathsWithin(columns, name);
    if (!('value' in property)) {
      properties[name] = property;
    } else if (inner.size > 0) {
      if (!isObject(property.value)) continue;
      const known = properties[name]?.value;
      const value = overlay(isObject(known) ? known : {}, property.value, inner, pathsWithin(updated, name));
      properties[name] = { ...property, value };
    } else if (property.value !== undefined) {
      const isLeftOut = property.value === null && columns.has(name) && !updated.has(name);
      if (!isLeftOut) properties[name] = property;
    }
  }
  return Object.create(Object.getPrototypeOf(before), properties);
}

function pathsOf(properties: readonly Property[]): ReadonlySet<string> {
  return new Set(properties.map(({ propertyPath }) => propertyPath));
}

/** A relation without a column of its own has one with a path such as `user.id`. */
function ownColumns({ columns, relations }: Properties): ReadonlySet<string> {
  const ofRelations = relations.map(({ propertyPath }) => `${propertyPath}.`);
  return new Set(
    [...pathsOf(columns)].filter((path) => !ofRelations.some((begin) => path.startsWith(begin))),
  );
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}
