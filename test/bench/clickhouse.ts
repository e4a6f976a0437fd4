/** Rows a second and core into the embedded engine, predictions in batches of the sink. `npm run bench clickhouse` */
import { type TableRow, toRow } from '#libs/clickhouse';
import { openTemporaryClickHouse } from '../../libs/clickhouse/src/testing/temporary-clickhouse.ts';
import { median } from './cpu.ts';

const rounds = 5;
const rowsPerRound = 100_000;
const rowsPerBatch = 5000;

const clickhouse = await openTemporaryClickHouse();
const rates: number[] = [];
for (let round = 0; round < rounds; round++) {
  const batches = Array.from({ length: rowsPerRound / rowsPerBatch }, (_, batch) =>
    Array.from({ length: rowsPerBatch }, (_unused, i) => row(round * rowsPerRound + batch * rowsPerBatch + i)),
  );
  const before = process.cpuUsage();
  for (const rows of batches) await clickhouse.insert('predictions', rows);
  const { user, system } = process.cpuUsage(before);
  rates.push((user + system) / rowsPerRound);
}
const [stored] = await clickhouse.query<{ n: number }>('SELECT count() AS n FROM effective_predictions');
await clickhouse.close();
const spread = `${Math.min(...rates).toFixed(1)}–${Math.max(...rates).toFixed(1)}`;
console.log(
  `${median(rates).toFixed(1)} µs CPU a row (${spread}), ${(1e6 / median(rates)).toFixed(0)} rows a second and core`,
);
console.log(`${Number(stored?.n)} of ${rounds * rowsPerRound} rows are there`);

function row(index: number): TableRow {
  const prediction = {
    textId: `t${index}`,
    model: 'bench',
    version: 1,
    epoch: 1,
    bundleDigest: 'd'.repeat(64),
    label: index % 2 === 0 ? 'a' : 'b',
    confidence: 0.9,
    probabilities: { a: 0.9, b: 0.1 },
    role: 'champion',
    inputTopic: 'texts',
    inputPartition: index % 4,
    inputOffset: index,
    occurredAt: 1_767_600_000_000 + index,
    inferredAt: 1_767_600_000_000 + index,
    device: 'cpu',
    truncated: false,
    queueMilliseconds: 1,
    inferenceMilliseconds: 1,
  };
  return toRow('predictions', prediction, { partition: index % 4, offset: index });
}
