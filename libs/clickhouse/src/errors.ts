import { ClickHouseError } from '@clickhouse/client';
import { defineErrors } from '#libs/platform';

export const clickhouseError = defineErrors({
  CLICKHOUSE_DIRECTORY_IN_USE: {
    message: 'another process already uses the ClickHouse data directory: stop it, or choose another data directory',
    retriable: true,
  },
  CLICKHOUSE_OPEN_FAILED: {
    message:
      'the embedded ClickHouse engine cannot open its data directory: its own message on standard error says why',
    retriable: false,
  },
  CLICKHOUSE_UNREACHABLE: {
    message: 'the ClickHouse server cannot be reached: check clickhouse.url and that the server runs',
    retriable: true,
  },
  CLICKHOUSE_CLOSED: { message: 'ClickHouse is closed', retriable: false },
  CLICKHOUSE_UNSUPPORTED: { message: 'the embedded ClickHouse engine cannot do this', retriable: false },
  CLICKHOUSE_ROW_INVALID: { message: 'a row does not fit its table', retriable: false },
  MIGRATION_INVALID: { message: 'a ClickHouse migration file is not valid', retriable: false },
  MIGRATION_CHANGED: {
    message: 'an applied ClickHouse migration was changed: restore the file and put the change into a new one',
    retriable: false,
  },
  MIGRATION_AHEAD: {
    message: 'the database was migrated by a newer release: install that release or choose another data directory',
    retriable: false,
  },
  ANALYST_QUERY_REFUSED: { message: 'the query is refused', retriable: false },
});

/** TIMEOUT, TOO_MANY_SIMULTANEOUS_QUERIES, SOCKET_TIMEOUT, NETWORK_ERROR, MEMORY_LIMIT, TABLE_IS_READ_ONLY, TOO_MANY_PARTS, KEEPER. */
const retriableCodes = new Set(['159', '202', '209', '210', '241', '242', '252', '999']);

/** True when the same statement may succeed later: load, memory, network; never a fault of the statement or the data. */
export function isRetriable(error: unknown): boolean {
  if (error instanceof ClickHouseError) return retriableCodes.has(error.code);
  return typeof error === 'object' && error !== null && 'retriable' in error && error.retriable === true;
}
