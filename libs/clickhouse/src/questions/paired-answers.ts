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

/** Labelled texts about which exactly one of the two was right. */
export interface DiscordantAnswers {
  onlyChampionRight: number;
  onlyChallengerRight: number;
}

/** Labelled texts that both versions answered. */
export interface PairedAnswers extends DiscordantAnswers {
  labels: number;
  championRight: number;
  challengerRight: number;
  /** Those to which the champion's answer was given. */
  shownByChampion: DiscordantAnswers;
  /** Those to which the challenger's was: it was the canary. */
  shownByChallenger: DiscordantAnswers;
}

const none: DiscordantAnswers = { onlyChampionRight: 0, onlyChallengerRight: 0 };

/**
 * The rule of view challenger_comparison, for one pair: the sorting keys find what belongs to it. Of two answers that were
 * given to one record the first counts, as in view effective_predictions.
 */
export async function pairedAnswers(clickhouse: ClickHouse, span: PairedSpan): Promise<PairedAnswers> {
  const columns = 'text_id, input_partition, input_offset, role, label, kafka_offset';
  const shown = (condition: string) =>
    `CAST((countIf(x AND NOT y AND ${condition}), countIf(y AND NOT x AND ${condition})),
       'Tuple(onlyChampionRight UInt64, onlyChallengerRight UInt64)')`;
  const [row] = await clickhouse.query<PairedAnswers>(
    `SELECT count() AS labels, countIf(x) AS championRight, countIf(y) AS challengerRight,
            countIf(x AND NOT y) AS onlyChampionRight, countIf(y AND NOT x) AS onlyChallengerRight,
            ${shown('by_champion')} AS shownByChampion, ${shown('by_challenger')} AS shownByChallenger
     FROM (
       SELECT a.label = l.label AS x, b.label = l.label AS y,
              b.role = 'canary' AND (a.role = 'shadow' OR b.kafka_offset < a.kafka_offset) AS by_challenger,
              a.role = 'champion' AND NOT by_challenger AS by_champion
       FROM (SELECT ${columns} FROM predictions FINAL
             WHERE model = {model:String} AND epoch = {epoch:Int64} AND version = {champion:Int32}) AS a
       INNER JOIN (SELECT ${columns} FROM predictions FINAL
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
  return (
    row ?? { labels: 0, championRight: 0, challengerRight: 0, ...none, shownByChampion: none, shownByChallenger: none }
  );
}
