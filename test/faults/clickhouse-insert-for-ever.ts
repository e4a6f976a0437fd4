import { silentLogger } from '#libs/platform';
import { openClickHouse } from '#libs/clickhouse';
import { embeddedSettings } from '../../libs/clickhouse/src/testing/temporary-clickhouse.ts';

/** A process of its own: inserts batches of 1,000 rows and tells its parent of each one that was acknowledged. */
const [dataDirectory = '', mode = '', start = '0'] = process.argv.slice(2);
const db = await openClickHouse(embeddedSettings, { dataDirectory, logger: silentLogger, lockPatience: 0 });
await db.migrate();

if (mode === 'throw') {
  process.on('uncaughtException', () => void db.close().then(() => process.exit(7)));
  void db.query('SELECT sum(sipHash64(number)) AS s FROM numbers(100000000000)').catch(() => {});
  setImmediate(() => {
    throw new Error('a bug elsewhere');
  });
} else {
  for (let batch = Number(start); ; batch += 1) {
    const rows = Array.from({ length: 1000 }, (_, i) => ({
      id: `${batch}-${i}`,
      model: 'killed',
      text: 'x',
      occurred_at: batch * 1000 + i,
      source: String(batch),
      attributes: {},
    }));
    await db.insert('texts', rows);
    process.send?.(batch);
  }
}
