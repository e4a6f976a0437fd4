import type { ClickHouse } from '#libs/clickhouse';
import type { Latency } from './pulse.ts';

/** How long texts answered since `since` (epoch milliseconds) waited for their batch and were in it. */
export async function recentLatency(clickhouse: ClickHouse, since: number): Promise<Latency | null> {
  const [row] = await clickhouse.query<Latency & { answered: number }>(
    `SELECT quantile(0.5)(queue_milliseconds + inference_milliseconds) AS p50,
            quantile(0.99)(queue_milliseconds + inference_milliseconds) AS p99, count() AS answered
     FROM predictions WHERE role != 'shadow' AND inferred_at > fromUnixTimestamp64Milli({since:Int64}, 'UTC')`,
    { since },
  );
  return row === undefined || row.answered === 0 ? null : { p50: row.p50, p99: row.p99 };
}
