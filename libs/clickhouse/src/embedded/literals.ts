import { clickhouseError } from '../errors.ts';

const identifierPattern = /^[A-Za-z_][A-Za-z0-9_]*$/;

/** A name that may be written into SQL; anything else is refused rather than escaped. */
export function checkedIdentifier(name: string): string {
  if (!identifierPattern.test(name)) {
    throw clickhouseError('CLICKHOUSE_UNSUPPORTED', { detail: `${JSON.stringify(name)} is not an identifier` });
  }
  return name;
}

/** A single-quoted SQL string that reads back as exactly `value`: a trailing backslash must not eat the quote. */
export function stringLiteral(value: string): string {
  return `'${value.replaceAll('\\', '\\\\').replaceAll("'", "\\'").replaceAll('\0', '\\0')}'`;
}

const escapes: Record<string, string> = { '\\': '\\\\', "'": "\\'", '\t': '\\t', '\n': '\\n', '\r': '\\r' };

function escaped(value: string): string {
  return value.toWellFormed().replaceAll(/[\\'\t\n\r]/g, (character) => escapes[character] ?? character);
}

/** The text form of a query parameter: what the HTTP interface takes as `param_x`, strings escaped once. */
export function parameterText(value: unknown, nested = false): string {
  if (value === null || value === undefined) return nested ? 'NULL' : '\\N';
  if (typeof value === 'string') return nested ? `'${escaped(value)}'` : escaped(value);
  if (typeof value === 'number') {
    if (Number.isNaN(value)) return 'nan';
    return Number.isFinite(value) ? String(value) : value > 0 ? '+inf' : '-inf';
  }
  if (typeof value === 'bigint') return String(value);
  if (typeof value === 'boolean') return nested ? (value ? 'TRUE' : 'FALSE') : value ? '1' : '0';
  if (value instanceof Date) return dateText(value, nested);
  if (Array.isArray(value)) return `[${value.map((item) => parameterText(item, true)).join(',')}]`;
  if (typeof value === 'object') {
    const entries = value instanceof Map ? [...value.entries()] : Object.entries(value);
    return `{${entries.map(([key, item]) => `${parameterText(key, true)}:${parameterText(item, true)}`).join(',')}}`;
  }
  throw clickhouseError('CLICKHOUSE_UNSUPPORTED', { detail: `a parameter of type ${typeof value}` });
}

/** `2002-09-26 00:00:00.123`, read by DateTime64 in UTC; milliseconds are kept. */
function dateText(value: Date, nested: boolean): string {
  const text = value.toISOString().slice(0, 23).replace('T', ' ');
  return nested ? `'${text}'` : text;
}
