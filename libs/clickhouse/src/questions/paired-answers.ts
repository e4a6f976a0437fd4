import type { ClickHouse } from '../clickhouse.ts';

/** What is compared: answers of two versions to the same records, under one serving epoch. */
export interface PairedSpan {
  model: string;
  epoch: number;
  champion: number;
  challenger: number;
  /** Only what the challenger answered from then on, epoch milliseconds. */
  since: number;
  /** Only labels given up to then, epoch milliseconds. */
  until: number;
}

/** Labelled texts that both versions answered. */
export interface PairedAnswers {
  labels: number;
  championRight: number;
  challengerRight: number;
  onlyChampionRight: number;
  onlyChallengerRight: number;
}

/** The rule of view challenger_comparison, for one pair: the sorting keys find what belongs to it. */
export async function pairedAnswers(clickhouse: ClickHouse, span: PairedSpan): Promise<PairedAnswers> {
  const [row] = await clickhouse.query<PairedAnswers>(
    `SELECT count() AS labels, countIf(a = l) AS championRight, countIf(b = l) AS challengerRight,
            countIf(a = l AND b != l) AS onlyChampionRight, countIf(b = l AND a != l) AS onlyChallengerRight
     FROM (
       SELECT a.label AS a, b.label AS b, l.label AS l
       FROM (SELECT text_id, input_partition, input_offset, role, label FROM predictions FINAL
             WHERE model = {model:String} AND epoch = {epoch:Int64} AND version = {champion:Int32}) AS a
       INNER JOIN (SELECT text_id, input_partition, input_offset, role, label FROM predictions FINAL
             WHERE model = {model:String} AND epoch = {epoch:Int64} AND version = {challenger:Int32}
               AND role IN ('shadow', 'canary') AND inferred_at >= fromUnixTimestamp64Milli({since:Int64})) AS b
         ON b.text_id = a.text_id AND b.input_partition = a.input_partition AND b.input_offset = a.input_offset
       INNER JOIN (SELECT text_id, label FROM labels FINAL
             WHERE model = {model:String} AND labelled_at <= fromUnixTimestamp64Milli({until:Int64})
             ORDER BY text_id, labelled_at DESC, kafka_offset DESC, kafka_partition DESC LIMIT 1 BY text_id) AS l
         ON l.text_id = a.text_id
       ORDER BY a.text_id, a.input_offset DESC, a.input_partition DESC, b.role, a.role LIMIT 1 BY a.text_id)`,
    { ...span },
  );
  return row ?? { labels: 0, championRight: 0, challengerRight: 0, onlyChampionRight: 0, onlyChallengerRight: 0 };
}
