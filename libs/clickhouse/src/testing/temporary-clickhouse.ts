import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadConfig, silentLogger } from '#libs/platform';
import type { ClickHouse } from '../clickhouse.ts';
import { openClickHouse } from '../client.ts';

/** The default settings: the embedded engine. */
export const embeddedSettings = loadConfig({ env: {} }).config.clickhouse;

export function temporaryDirectory(): string {
  return mkdtempSync(join(tmpdir(), 'tidemill-clickhouse-'));
}

/**
 * The real engine with all tables in a directory of its own, which goes when the database is closed.
 * A process can have one open at a time.
 */
export async function openTemporaryClickHouse(): Promise<ClickHouse> {
  const dataDirectory = temporaryDirectory();
  const clickhouse = await openClickHouse(embeddedSettings, { dataDirectory, logger: silentLogger });
  await clickhouse.migrate();
  const close = async () => {
    await clickhouse.close();
    rmSync(dataDirectory, { recursive: true, force: true });
  };
  return { ...clickhouse, close, [Symbol.asyncDispose]: close };
}
