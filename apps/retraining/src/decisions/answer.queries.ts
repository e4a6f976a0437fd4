import type { ClickHouse } from '#libs/clickhouse';

/** Texts that champion and canary of an epoch have answered since then (epoch milliseconds), shown or only for comparison. */
export async function answeredSince(
  clickhouse: ClickHouse,
  span: { model: string; epoch: number; champion: number; canary: number; since: number },
): Promise<{ byChampion: number; byCanary: number }> {
  const [row] = await clickhouse.query<{ byChampion: number; byCanary: number }>(
    `SELECT uniqExactIf(text_id, version = {champion:Int32}) AS byChampion, countIf(version = {canary:Int32}) AS byCanary
     FROM predictions
     WHERE model = {model:String} AND epoch = {epoch:Int64} AND inferred_at >= fromUnixTimestamp64Milli({since:Int64})`,
    span,
  );
  return row ?? { byChampion: 0, byCanary: 0 };
}
