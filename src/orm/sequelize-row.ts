import { toldRow } from './told-row.ts';

/** What is called of an instance of a model of Sequelize, version 6. */
export interface Row {
  readonly dataValues: object;
  get(options: object): object;
  previous(): object;
}

/** Of a write, as hooks get them. Names are those of attributes or of columns. */
export interface WriteOptions {
  readonly transaction?: object | null | undefined;
  /** What an upsert sets, or what another write may insert. */
  readonly fields?: readonly string[] | undefined;
  readonly conflictFields?: readonly string[] | undefined;
  /** What `bulkCreate` sets of a row that is there already. */
  readonly updateOnDuplicate?: readonly string[] | undefined;
  readonly upsertKeys?: readonly string[] | undefined;
  readonly returning?: unknown;
}

interface Attribute {
  readonly field?: string | undefined;
}

/** The attributes that an upsert makes those of the row; undefined for all. Whatever else it was given, may not be. */
export function upserted(
  options: WriteOptions,
  dialect: string,
  isUpsert: boolean,
): readonly string[] | undefined {
  const { fields = [], conflictFields = [], updateOnDuplicate, upsertKeys = [], returning } = options;
  // It has answered with the rows.
  if (returning === true && dialect === 'postgres') return undefined;
  if (isUpsert) return [...fields, ...conflictFields];
  return updateOnDuplicate && [...updateOnDuplicate, ...upsertKeys];
}

/** The instance as far as its attributes are known, all of which are read from its `dataValues`. */
export function toldInstance(row: Row, known: readonly string[] | undefined): object {
  const model = row.constructor as unknown as { getAttributes(): Record<string, Attribute> };
  const attributes = model.getAttributes();
  const isKnown = (name: string) =>
    known?.some((one) => one === name || one === attributes[name]?.field) ?? true;
  const values = Object.fromEntries(Object.entries(row.dataValues).filter(([name]) => isKnown(name)));
  return Object.create(row, { dataValues: { value: toldRow(values, (name) => name in attributes) } });
}
