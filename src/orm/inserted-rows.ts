type Row = Readonly<Record<string, unknown>>;

/** What an insert says and answers. */
export interface Insert {
  /** The values given, as far as they are values and not left to the database. */
  readonly values: readonly Row[] | undefined;
  /** What `returning` gave. */
  readonly returned: readonly Row[] | undefined;
  /** Whether a row that is there already is changed instead, so that the values may not be those of the row. */
  readonly isUpsert: boolean;
}

/** The rows that an insert wrote, each as far as it is known, or undefined when they are not. */
export function insertedRows({ values, returned, isUpsert }: Insert): readonly Row[] | undefined {
  if (isUpsert || values === undefined) return returned;
  if (returned === undefined) return values;
  // Those of a conflict that was passed over are missing, and which they were is not said. Otherwise databases answer
  // in the order of the values.
  return returned.length === values.length ? returned.map((row, i) => ({ ...values[i], ...row })) : returned;
}
