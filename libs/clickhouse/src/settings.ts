import type { ClickHouseSettings } from '@clickhouse/client';

export interface QueryLimits {
  /** Seconds one statement may run. */
  maximumSeconds: number;
  /** Bytes of memory one statement may take. */
  maximumBytes: number;
}

/**
 * Settings of every statement, on the embedded engine and on a server alike. Each is said because its default differs
 * between versions or is not what events need: async_insert would acknowledge rows that are not stored yet.
 */
export function statementSettings(limits: QueryLimits): ClickHouseSettings {
  return {
    async_insert: 0,
    date_time_input_format: 'best_effort',
    date_time_output_format: 'iso',
    input_format_skip_unknown_fields: 0,
    input_format_null_as_default: 1,
    // Event times are the producers': a batch may reach into any number of months.
    max_partitions_per_insert_block: '0',
    output_format_json_quote_64bit_integers: 0,
    output_format_json_quote_denormals: 1,
    output_format_json_named_tuples_as_objects: 1,
    session_timezone: 'UTC',
    max_execution_time: limits.maximumSeconds,
    max_memory_usage: String(limits.maximumBytes),
  };
}
