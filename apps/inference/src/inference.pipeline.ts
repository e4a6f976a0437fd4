import type { Prediction } from '#libs/events';
import type { BatchResult } from '#libs/model';
import { type Clock, type Configuration, type Metrics } from '#libs/platform';
import type {
  AcceptedMessage,
  AdmitRejects,
  BatchControl,
  DecodedBatch,
  Pipeline,
  Rejection,
  Stream,
  StreamProducer,
} from '#libs/stream';
import type { ModelVersionConsumer } from './model-version.consumer.ts';
import type { Challenger } from './challengers/challenger.ts';
import type { ShadowText } from './challengers/shadow-queue.ts';
import type { ModelSlots, ServedModel } from './model-slots.ts';
import type { ServingStatusReporter } from './serving-status.reporter.ts';
import { answerOf } from './text-answer.ts';

export interface InferencePipelineOptions {
  stream: Stream;
  producer: StreamProducer;
  slots: ModelSlots;
  versions: ModelVersionConsumer;
  status: ServingStatusReporter;
  config: Configuration;
  clock: Clock;
  metrics: Metrics;
}

type TextBatch = DecodedBatch<'texts'>;
type TextMessage = AcceptedMessage<'texts'>;

/** Texts of one model in one batch of a partition: one version answers all of them. */
interface Request {
  served: ServedModel;
  messages: TextMessage[];
  /** Asked first; the champion answers when it does not. */
  canary: Challenger | undefined;
}

/**
 * From a text to its prediction, one batch of one partition at a time:
 *
 *   1 decode   bytes become texts; what cannot be decoded is written to texts-dlq         (libs/stream, before `handle`)
 *   2 batch    texts are grouped by model; a model nobody knows is rejected, to texts-dlq
 *   3 infer    model hosts answer, stamped with version and epoch; a text that a model has no answer for, or that ends
 *              its host, is rejected, to texts-dlq; a canary answers its share
 *   4 produce  predictions in the order of their texts; the broker acknowledges every one, and then, where a version has
 *              answered a partition for the first time, the record of its first offset in serving-status
 *   5 commit   the offset after the batch                                                 (libs/stream, after `handle`)
 *
 * A crash between two steps loses nothing, because nothing is committed before 5: the batch is delivered again.
 * - before 4: nobody has seen anything.
 * - between 4 and 5: predictions are written twice. The second time the same version gives the same bytes, and a newer
 *   one gives a newer epoch: there is one effective result per text, model and epoch.
 * - dead letters are written after `handle` and before 5, so they too can be repeated, never missed.
 * What challengers score for comparison is handed over after 4 and waited for by nobody: a crash loses it.
 * Between 3 and 4 too many rejects stop the partition: it tries again and again, and answers nothing meanwhile.
 * Between 3 and 4 the group may have given the partition to another member: the fence of step 4 refuses to write then.
 */
export class InferencePipeline {
  readonly #options: InferencePipelineOptions;

  constructor(options: InferencePipelineOptions) {
    this.#options = options;
  }

  /** Joins the group; call it when the version log has been read to its end. */
  start(): Promise<Pipeline> {
    return this.#options.stream.consume({
      groupId: 'inference',
      topics: ['texts'],
      rejects: 'dead-letter',
      bytesPerPartition: this.#options.config.inference.fetchBytesPerPartition,
      handleBatch: (batch, control, admitRejects) =>
        this.#options.slots.eventLoop.during(this.handle(batch, control, admitRejects)),
    });
  }

  /** Steps 2 to 4. Resolves when every prediction is acknowledged. */
  async handle(
    batch: TextBatch,
    control: BatchControl,
    admitRejects: AdmitRejects<'texts'>,
  ): Promise<{ rejects: Rejection<'texts'>[] }> {
    const { requests, rejects } = await this.#batch(batch.accepted);
    const results = await Promise.all(requests.map((request) => this.#infer(request, control)));
    rejects.push(...results.flatMap(failed));
    admitRejects(rejects);
    await this.#produce(batch, results, control);
    for (const answered of results) scoreBeside(batch, answered, this.#options.clock);
    return { rejects };
  }

  /** 2: texts by model. */
  async #batch(messages: readonly TextMessage[]): Promise<{ requests: Request[]; rejects: Rejection<'texts'>[] }> {
    const { slots, versions, metrics } = this.#options;
    const rejects: Rejection<'texts'>[] = [];
    const requests: Request[] = [];
    const byModel = Map.groupBy(messages, ({ value }) => value.model);
    // Its version event may be on its way.
    if ([...byModel.keys()].some((model) => slots.get(model) === undefined)) await versions.caughtUp();
    for (const [model, texts] of byModel) {
      const served = slots.get(model);
      if (served === undefined) {
        const reason = `no version of a model ${JSON.stringify(model)} has been promoted`;
        rejects.push(...texts.map((message) => ({ message, reject: { code: 'unknown-model' as const, reason } })));
        continue;
      }
      metrics.increment('tidemill_texts_consumed_total', { model }, texts.length);
      const byCanary = Map.groupBy(texts, ({ value }) => served.challengers.canaryFor(value.id));
      for (const [canary, own] of byCanary) requests.push({ served, messages: own, canary });
    }
    return { requests, rejects };
  }

  /** 3: one answer for all texts of the request. */
  async #infer({ served, messages, canary }: Request, { lost }: BatchControl): Promise<Answered> {
    const texts = messages.map(({ value }) => value.text);
    const answer = await canary?.answer(texts, lost);
    if (answer !== undefined) return { served, messages, result: answer, role: 'canary' };
    const result = await served.batcher.submit(texts, 'bulk', lost);
    const { model } = result.serving;
    if (canary !== undefined)
      this.#options.metrics.increment('tidemill_canary_fallbacks_total', { model }, texts.length);
    return { served, messages, result, role: 'champion' };
  }

  /** 4: predictions in the order of the partition, whatever order the models answered in. */
  async #produce(batch: TextBatch, answered: readonly Answered[], control: BatchControl) {
    const { producer, clock, metrics, status } = this.#options;
    const inferredAt = clock.now();
    const predictions = answered.flatMap(({ messages, result, role }) => {
      const stamp = { inferredAt, role, epoch: result.serving.epoch };
      return messages.flatMap((message, row) =>
        result.failures.has(row) ? [] : { message, value: predictionOf(batch, message, { result, row, ...stamp }) },
      );
    });
    if (answered.length > 1) predictions.sort((a, b) => Number(a.message.offset - b.message.offset));
    const records = predictions.map(({ message, value }) => ({ key: message.value.id, value }));
    await producer.send('predictions', records, { fence: () => control.fence() });
    for (const { messages, result, role } of answered) {
      const [first] = messages;
      if (first === undefined) continue;
      const { serving } = result;
      if (role === 'champion')
        await status.answered(serving, { partition: batch.partition, offset: Number(first.offset) });
      const { model, version } = serving;
      const answers = messages.length - result.failures.size;
      metrics.increment('tidemill_predictions_total', { model, version }, answers);
      const seconds = (clock.now() - batch.fetchedAt) / 1000;
      metrics.observe('tidemill_prediction_latency_seconds', seconds, { model });
      if (answers > 0) metrics.set('tidemill_prediction_confidence', sumOfConfidence(result) / answers, { model });
    }
  }
}

/** Texts and the one answer to all of them. */
interface Answered {
  served: ServedModel;
  messages: readonly TextMessage[];
  result: BatchResult;
  role: 'champion' | 'canary';
}

/** For comparison, under the epoch of the answer that was given; who answered nothing is not compared. */
function scoreBeside(batch: TextBatch, { served, messages, result: given, role }: Answered, clock: Clock): void {
  const { epoch } = given.serving;
  served.challengers.scoreBeside(given.serving, role, () =>
    messages.flatMap((message, at) => {
      if (given.failures.has(at)) return [];
      const predict: ShadowText['predict'] = (result, row) =>
        predictionOf(batch, message, { result, row, inferredAt: clock.now(), role: 'shadow', epoch });
      return { text: message.value.text, predict };
    }),
  );
}

/** Texts without an answer, for texts-dlq. */
function failed({ messages, result }: Answered): Rejection<'texts'>[] {
  return [...result.failures].flatMap(([row, error]) => {
    const message = messages[row];
    const reject = { code: 'model-failed' as const, reason: `${result.serving.model}: ${error.message}` };
    return message === undefined ? [] : { message, reject };
  });
}

/** What a prediction says beside the answer itself. */
interface Stamp {
  inferredAt: number;
  role: Answered['role'] | 'shadow';
  epoch: number;
}

function predictionOf(
  { topic, partition }: TextBatch,
  { value, offset }: TextMessage,
  { result, row, inferredAt, role, epoch }: { result: BatchResult; row: number } & Stamp,
): Prediction {
  const { model, version, bundleDigest, device } = result.serving;
  return {
    textId: value.id,
    model,
    version,
    epoch,
    bundleDigest,
    ...answerOf(result, row),
    role,
    inputTopic: topic,
    inputPartition: partition,
    inputOffset: Number(offset),
    occurredAt: value.occurredAt,
    inferredAt,
    device,
    queueMilliseconds: result.queueMilliseconds[row] ?? 0,
    inferenceMilliseconds: result.inferenceMilliseconds[row] ?? 0,
  };
}

/** Rows without an answer add nothing: their probabilities are 0. */
function sumOfConfidence({ probabilities, serving, truncated }: BatchResult): number {
  const classes = serving.labels.length;
  let sum = 0;
  for (let row = 0; row < truncated.length; row++)
    sum += Math.max(...probabilities.subarray(row * classes, (row + 1) * classes));
  return sum;
}
