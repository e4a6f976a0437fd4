export type { AnalystResult } from './analyst/analyst-query.ts';
export { BatchWriter, type BatchWriterOptions } from './batch-writer.ts';
export type { ClickHouse, MigrationReport, StatementOptions } from './clickhouse.ts';
export { type OpenOptions, openClickHouse } from './client.ts';
export { clickhouseError, isRetriable } from './errors.ts';
export { type PairedAnswers, pairedAnswers, type PairedSpan } from './questions/paired-answers.ts';
export { deadLetterRow } from './tables/dead-letter-row.ts';
export { type Coordinates, fromRow, type TableRow, toRow } from './tables/rows.ts';
export { type DeadLetter, type TableName, type TableRecords } from './tables/tables.ts';
