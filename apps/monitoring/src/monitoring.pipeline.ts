import { BatchWriter, type ClickHouse } from '#libs/clickhouse';
import { type TopicName, topics } from '#libs/events';
import type { Metrics } from '#libs/platform';
import type { DecodedBatch, Pipeline, Stream } from '#libs/stream';
import { type ModelMonitors, monitoringGroup } from './windows/model-monitors.ts';
import { rowsOf, tableOf } from './sink/topic-rows.ts';

export interface MonitoringPipelineOptions {
  stream: Stream;
  clickhouse: ClickHouse;
  monitors: ModelMonitors;
  metrics: Metrics;
}

/** Milliseconds that rows wait for others of their table. */
const gatherFor = 100;

/**
 * Every topic into the table of its name, one batch of one partition at a time:
 *
 *   1 decode    bytes become records; labels that cannot be decoded go to labels-dlq (texts: inference does that)
 *   2 insert    rows with their partition and offset; the engine acknowledges
 *   3 tell      the monitor of the model hears how far event time has come
 *   4 commit    the offset after the batch
 *   later       the monitor closes windows, compares them, joins labels, and says so on drift-reports and performance-reports
 *
 * A crash before 4 delivers the batch again. The rows it inserts then have the sorting keys and versions of the rows that
 * are there, and the tables keep one of each. What monitors say is a function of the tables and of event time: said
 * again after a crash it is the same statement under the same id.
 */
export class MonitoringPipeline {
  readonly #options: MonitoringPipelineOptions;
  readonly #writers: ReadonlyMap<TopicName, BatchWriter>;

  constructor(options: MonitoringPipelineOptions) {
    this.#options = options;
    this.#writers = new Map(
      Object.values(topics).map(({ topic }) => [
        topic,
        new BatchWriter(options.clickhouse, tableOf(topic), { maximumDelay: gatherFor }),
      ]),
    );
  }

  start(): Promise<Pipeline> {
    const { stream, monitors } = this.#options;
    return stream.consume({
      groupId: monitoringGroup,
      topics: Object.values(topics).map(({ topic }) => topic),
      rejects: { texts: 'skip' },
      concurrency: 8,
      handleBatch: (batch) => this.handle(batch),
      onAssigned: (partitions) => monitors.onAssigned(partitions),
    });
  }

  /** Steps 2 and 3. */
  async handle(batch: DecodedBatch<TopicName>): Promise<void> {
    await this.#insert(batch);
    await this.#tell(batch);
    this.#options.monitors.evaluate();
  }

  async #insert<T extends TopicName>(batch: DecodedBatch<T>): Promise<void> {
    const rows = rowsOf(batch.topic, batch.partition, batch.accepted);
    if (rows.length === 0) return;
    await this.#writers.get(batch.topic)?.write(rows);
    this.#options.metrics.increment('tidemill_rows_inserted_total', { topic: batch.topic }, rows.length);
  }

  async #tell(batch: DecodedBatch<TopicName>): Promise<void> {
    const { monitors } = this.#options;
    if (batch.topic === 'predictions') {
      for (const { value } of batch.accepted) {
        // A shadow answers when it can: it says nothing about how far the texts are answered.
        if (value.role !== 'shadow') await monitors.onPrediction(value.model, value.inputPartition, value.occurredAt);
      }
    } else if (batch.topic === 'texts') {
      for (const { value } of batch.accepted) monitors.onText(value.model, batch.partition, value.occurredAt);
    } else if (batch.topic === 'labels') {
      for (const { value, offset } of batch.accepted)
        monitors.onLabel(value.model, { partition: batch.partition, offset: Number(offset) }, value.labelledAt);
    }
  }
}
