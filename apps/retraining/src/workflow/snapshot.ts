import { z } from 'zod';
import type { ClickHouse } from '#libs/clickhouse';
import type { ArtifactStore } from '#libs/registry';
import { digestOf, type LabelledText } from './training-data.ts';

/** What a version is trained and evaluated on, frozen. */
export interface Snapshot {
  texts: LabelledText[];
  /** sha256 of what it holds. */
  digest: string;
  /** Digests of the data sets in it. */
  datasets: readonly string[];
  /** Labels given up to this event time (epoch milliseconds) are in it; 0: all that had arrived. */
  labelCutOff: number;
  /** The labels of the stream that are in it: how many, and their first and last offset in each partition of topic labels. */
  offsets: { partition: number; first: number; last: number; labels: number }[];
}

export interface SnapshotSources {
  clickhouse: ClickHouse;
  store: ArtifactStore;
  groupAttribute: string;
}

/** One line of a data set in the store. */
const datasetLine = z.object({
  id: z.string().optional(),
  text: z.string(),
  label: z.string(),
  group: z.string().optional(),
});

/** Any moment after every label. */
const everyLabel = 10_413_792_000_000;

/** Takes all data sets and all labelled texts of a model, up to the cut-off. */
export async function takeSnapshot(
  { clickhouse, store, groupAttribute }: SnapshotSources,
  of: { model: string; datasets: readonly string[]; labelCutOff: number },
): Promise<Snapshot> {
  const until = of.labelCutOff === 0 ? everyLabel : of.labelCutOff;
  const uploaded = await Promise.all(of.datasets.map((digest) => readDataset(store, digest)));
  const parameters = { model: of.model, until, groupAttribute };
  const streamed = await clickhouse.query<LabelledText>(labelledTexts, parameters);
  const offsets = await clickhouse.query<Snapshot['offsets'][number]>(labelOffsets, parameters);
  const texts = [...uploaded.flat(), ...streamed];
  return { texts, digest: digestOf(texts), datasets: of.datasets, labelCutOff: of.labelCutOff, offsets };
}

async function readDataset(store: ArtifactStore, digest: string): Promise<LabelledText[]> {
  const lines = (await store.readBlob(digest)).toString('utf8').split('\n');
  return lines.flatMap((line, index) => {
    if (line === '') return [];
    const { id, text, label, group } = datasetLine.parse(JSON.parse(line));
    return [{ id: id ?? `${digest.slice(0, 12)}-${index + 1}`, text, label, group: group ?? '', labelledAt: 0 }];
  });
}

/** Of every text the label given last up to the cut-off, with the text; in the order of ids. */
const labelledTexts = `
SELECT t.id AS id, t.text AS text, l.label AS label, t.attributes[{groupAttribute:String}] AS group,
       toUnixTimestamp64Milli(l.labelled_at) AS labelledAt
FROM (SELECT text_id, label, labelled_at FROM labels FINAL
      WHERE model = {model:String} AND labelled_at <= fromUnixTimestamp64Milli({until:Int64}, 'UTC')
      ORDER BY text_id, labelled_at DESC, kafka_offset DESC, kafka_partition DESC LIMIT 1 BY text_id) AS l
INNER JOIN (SELECT id, text, attributes FROM texts FINAL WHERE model = {model:String}) AS t ON t.id = l.text_id
ORDER BY id`;

const labelOffsets = `
SELECT kafka_partition AS partition, toInt64(min(kafka_offset)) AS first, toInt64(max(kafka_offset)) AS last, toInt64(count()) AS labels
FROM labels FINAL
WHERE model = {model:String} AND labelled_at <= fromUnixTimestamp64Milli({until:Int64}, 'UTC')
GROUP BY partition ORDER BY partition`;
