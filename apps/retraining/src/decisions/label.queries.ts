import type { ClickHouse } from '#libs/clickhouse';

/** Texts from `since` (event time) on that have a label given up to `until`. Epoch milliseconds. */
export function labelsOfTextsSince(
  clickhouse: ClickHouse,
  span: { model: string; since: number; until: number },
): Promise<number> {
  return count(
    clickhouse,
    `SELECT uniqExact(l.text_id) AS n FROM labels AS l
     INNER JOIN (SELECT id FROM texts WHERE model = {model:String} AND occurred_at >= fromUnixTimestamp64Milli({since:Int64}, 'UTC')) AS t ON t.id = l.text_id
     WHERE l.model = {model:String} AND l.labelled_at <= fromUnixTimestamp64Milli({until:Int64}, 'UTC')`,
    span,
  );
}

/** Texts labelled after `since` and up to `until`. Epoch milliseconds. */
export function labelsGivenBetween(
  clickhouse: ClickHouse,
  span: { model: string; since: number; until: number },
): Promise<number> {
  return count(
    clickhouse,
    `SELECT uniqExact(text_id) AS n FROM labels
     WHERE model = {model:String} AND labelled_at > fromUnixTimestamp64Milli({since:Int64}, 'UTC')
       AND labelled_at <= fromUnixTimestamp64Milli({until:Int64}, 'UTC')`,
    span,
  );
}

/** Labelled texts that the champion of one epoch answered, in the order their labels were given. */
export function labelledAnswers(
  clickhouse: ClickHouse,
  span: { model: string; epoch: number; until: number; limit: number },
): Promise<{ text: string; predicted: string; actual: string }[]> {
  return clickhouse.query(
    `SELECT t.text AS text, p.predicted_label AS predicted, p.true_label AS actual
     FROM (SELECT text_id, predicted_label, true_label, labelled_at FROM labelled_predictions
           WHERE model = {model:String} AND epoch = {epoch:Int64} AND role = 'champion' AND labelled_at <= fromUnixTimestamp64Milli({until:Int64}, 'UTC')) AS p
     INNER JOIN (SELECT id, text FROM texts FINAL WHERE model = {model:String}) AS t ON t.id = p.text_id
     ORDER BY p.labelled_at, p.text_id LIMIT {limit:UInt32}`,
    span,
  );
}

async function count(clickhouse: ClickHouse, sql: string, parameters: Record<string, unknown>): Promise<number> {
  const [row] = await clickhouse.query<{ n: number }>(sql, parameters);
  return row?.n ?? 0;
}
