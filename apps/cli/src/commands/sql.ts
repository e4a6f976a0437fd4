import { usageError } from '../cli-error.ts';
import { GatewayClient } from '../gateway-client.ts';
import type { CommonOptions } from '../options.ts';
import { printJson, printTable } from '../output.ts';

interface Result {
  columns: { name: string; type: string }[];
  rows: unknown[][];
}

export async function sql(statement: string, options: CommonOptions): Promise<void> {
  if (statement.trim() === '') throw usageError('give one SELECT; docs/sql.md has questions to begin with');
  const client = await GatewayClient.open(options);
  const { columns, rows } = await client.post<Result>('/v1/sql', { sql: statement });
  const names = columns.map(({ name }) => name);
  if (options.json === true)
    return printJson(rows.map((row) => Object.fromEntries(names.map((name, i) => [name, row[i]]))));
  printTable(
    names,
    rows.map((row) =>
      row.map((value) =>
        value === null || typeof value === 'number' || typeof value === 'string' ? value : JSON.stringify(value),
      ),
    ),
  );
}
