import type { ClickHouse } from '#libs/clickhouse';
import type { TextFeatures } from '#libs/statistics';
import type { TimeBucket, TimeWindow } from './window-plan.ts';

/**
 * The effective predictions of a span of event time: the answer to the latest record of each text, and of several
 * answers to it the first. The filter comes before LIMIT BY, so that a query reads the months it needs and no more.
 */
const effective = `
SELECT text_id, version, epoch, label, confidence, occurred_at
FROM predictions FINAL
WHERE model = {model:String} AND role = 'champion'
  AND occurred_at >= fromUnixTimestamp64Milli({start:Int64}) AND occurred_at < fromUnixTimestamp64Milli({end:Int64})
ORDER BY text_id, input_offset DESC, input_partition DESC, epoch
LIMIT 1 BY text_id`;

/** Words are runs of letters, marks and apostrophes in any script. */
const words = `extractAll(lowerUTF8(t.text), '[\\\\p{L}\\\\p{M}\\']+')`;

/** Far beyond any event time the tables hold. */
const endOfTime = 10_413_792_000_000;

/** Texts a slice of `duration` from `after` (epoch milliseconds) on. */
export function textsPerBucket(
  clickhouse: ClickHouse,
  model: string,
  span: { after: number; duration: number },
): Promise<TimeBucket[]> {
  return clickhouse.query<TimeBucket>(
    `SELECT intDiv(toUnixTimestamp64Milli(occurred_at), {duration:Int64}) * {duration:Int64} AS start, count() AS texts
     FROM (${effective}) GROUP BY start ORDER BY start`,
    { model, start: span.after, end: endOfTime, duration: span.duration },
  );
}

/** How many texts of a window each epoch answered, most first. */
export function epochsOf(
  clickhouse: ClickHouse,
  model: string,
  window: TimeWindow,
): Promise<{ epoch: number; version: number; texts: number }[]> {
  return clickhouse.query(
    `SELECT epoch, any(version) AS version, count() AS texts FROM (${effective}) GROUP BY epoch ORDER BY texts DESC, epoch DESC`,
    { model, ...window },
  );
}

/**
 * What the drift statistics need of each text that `epoch` answered, in the order of event time; sampled by a hash of the
 * text id beyond `limit`.
 */
export function textFeatures(
  clickhouse: ClickHouse,
  model: string,
  span: TimeWindow & { epoch: number; limit: number },
): Promise<TextFeatures[]> {
  return clickhouse.query<TextFeatures>(
    `SELECT id, text, words, characters, predicted, confidence FROM (
     SELECT p.text_id AS id, t.text AS text, ${words} AS words, lengthUTF8(t.text) AS characters, p.label AS predicted,
            p.confidence AS confidence, p.occurred_at AS at
     FROM (${effective}) AS p
     INNER JOIN (SELECT id, text FROM texts FINAL WHERE model = {model:String}
                   AND occurred_at >= fromUnixTimestamp64Milli({start:Int64}) AND occurred_at < fromUnixTimestamp64Milli({end:Int64})) AS t
       ON t.id = p.text_id
     WHERE p.epoch = {epoch:Int64}
     ORDER BY cityHash64(p.text_id), p.text_id LIMIT {limit:UInt32}) ORDER BY at, id`,
    { model, ...span },
  );
}

/** A prediction beside the label that counted at some moment. */
export interface LabelledText {
  predicted: string;
  /** Empty when there was no label yet. */
  actual: string;
  confidence: number;
}

/** Every text `epoch` answered in a window, with the latest label given up to `labelledUntil` (epoch milliseconds). */
export function labelledTexts(
  clickhouse: ClickHouse,
  model: string,
  span: TimeWindow & { epoch: number; labelledUntil: number },
): Promise<LabelledText[]> {
  return clickhouse.query<LabelledText>(
    `SELECT p.label AS predicted, ifNull(l.label, '') AS actual, p.confidence AS confidence
     FROM (${effective}) AS p
     LEFT JOIN (${labelsUntil}) AS l ON l.text_id = p.text_id
     WHERE p.epoch = {epoch:Int64}
     ORDER BY p.text_id`,
    { model, ...span },
  );
}

/** Of every text the label that counts, looking only at labels given up to some moment. */
const labelsUntil = `
SELECT text_id, label, labelled_at FROM labels FINAL
WHERE model = {model:String} AND labelled_at <= fromUnixTimestamp64Milli({labelledUntil:Int64})
ORDER BY text_id, labelled_at DESC, kafka_offset DESC, kafka_partition DESC
LIMIT 1 BY text_id`;

/**
 * The span of event time of the texts whose labels lie at or after an offset of their partition of topic labels;
 * undefined when none of them has been answered.
 */
export async function spanOfLabelledTexts(
  clickhouse: ClickHouse,
  model: string,
  firstOffsets: ReadonlyMap<number, number>,
): Promise<{ from: number; to: number } | undefined> {
  const [span] = await clickhouse.query<{ from: number; to: number; texts: number }>(
    `SELECT min(toUnixTimestamp64Milli(occurred_at)) AS from, max(toUnixTimestamp64Milli(occurred_at)) AS to, count() AS texts
     FROM predictions
     WHERE model = {model:String} AND text_id IN (
       SELECT text_id FROM labels
       WHERE model = {model:String} AND has({partitions:Array(Int32)}, kafka_partition)
         AND kafka_offset >= {offsets:Array(Int64)}[indexOf({partitions:Array(Int32)}, kafka_partition)])`,
    { model, partitions: [...firstOffsets.keys()], offsets: [...firstOffsets.values()] },
  );
  return span === undefined || span.texts === 0 ? undefined : span;
}

/** Labelled texts, and those of them answered right, in each slice of `duration` from `after` (epoch milliseconds) on. */
export function labelsPerBucket(
  clickhouse: ClickHouse,
  model: string,
  span: { after: number; duration: number },
): Promise<{ start: number; labelled: number; correct: number }[]> {
  return clickhouse.query(
    `SELECT intDiv(toUnixTimestamp64Milli(p.occurred_at), {duration:Int64}) * {duration:Int64} AS start, count() AS labelled,
            countIf(p.label = l.label) AS correct
     FROM (${effective}) AS p INNER JOIN (${labelsUntil}) AS l ON l.text_id = p.text_id
     GROUP BY start ORDER BY start`,
    { model, start: span.after, end: endOfTime, labelledUntil: endOfTime, duration: span.duration },
  );
}

/** The last `limit` texts of the newest epoch that had a label at `labelledUntil`, newest label first. */
export function lastLabelledTexts(
  clickhouse: ClickHouse,
  model: string,
  span: { labelledUntil: number; limit: number },
): Promise<(LabelledText & { epoch: number; version: number; occurredAt: number })[]> {
  return clickhouse.query(
    `WITH newest AS (SELECT max(epoch) FROM predictions WHERE model = {model:String} AND role = 'champion')
     SELECT p.label AS predicted, l.label AS actual, p.confidence AS confidence, p.epoch AS epoch, p.version AS version,
            toUnixTimestamp64Milli(p.occurred_at) AS occurredAt
     FROM (SELECT text_id, version, epoch, label, confidence, occurred_at FROM predictions FINAL
           WHERE model = {model:String} AND role = 'champion' AND epoch = (SELECT * FROM newest)
           ORDER BY text_id, input_offset DESC, input_partition DESC LIMIT 1 BY text_id) AS p
     INNER JOIN (${labelsUntil}) AS l ON l.text_id = p.text_id
     ORDER BY l.labelled_at DESC, p.text_id LIMIT {limit:UInt32}`,
    { model, ...span },
  );
}
