import type { Backend, RawBatch, SubscribeOptions } from '../../libs/stream/src/backend/backend.ts';
import type { ConsumeOptions, Stream, StreamProducer } from '#libs/stream';
import { buryGoodTexts, isOutdated, wrongly } from './wrong-answers.ts';

/**
 * Where a process can be made to die, in the order in which a batch comes by. Numbers are those of inference.pipeline.ts;
 * `told` is serving-status after a step of the swap.
 */
export const batchPoints = [
  'fetched', // before 1
  'decoded', // 1 | 2
  'inferring', // within 3
  'answered', // 3 | 4: the fence is passed, nothing is written
  'sending', // within 4: the request is on its way
  'acknowledged', // 4 | dead letters, or 5
  'burying', // dead letters: the fence is passed, nothing is written
  'buried', // dead letters | 5
  'handled', // before 5
  'committed', // after 5
] as const;
export const swapPoints = ['requested', 'fetched', 'verified', 'warm', 'serving'].map((state) => `told ${state}`);

/** A product that is wrong: it has to be found out. */
export type Mutant = 'commits first' | 'answers wrongly';
export const mutants: readonly Mutant[] = ['commits first', 'answers wrongly'];

/** A signal that the process sends itself at a point, after passing it `skip` times. */
export interface ArmedFault {
  point: string;
  skip: number;
  signal: 'SIGKILL' | 'SIGSTOP';
}

export class FaultPoints {
  #armed: ArmedFault | undefined;

  arm(fault: ArmedFault): void {
    this.#armed = { ...fault };
  }

  at(point: string): void {
    if (this.#armed?.point !== point || this.#armed.skip-- > 0) return;
    const { signal } = this.#armed;
    this.#armed = undefined;
    // Nothing of this process runs between here and the next line once the signal is SIGKILL.
    process.kill(process.pid, signal);
  }
}

/** A backend with points around fetches, requests and commits. Readers of logs are left alone. */
export function faultyBackend(backend: Backend, points: FaultPoints, mutant: Mutant | undefined): Backend {
  return {
    admin: backend.admin,
    close: () => backend.close(),
    async openProducer() {
      const producer = await backend.openProducer();
      return {
        close: () => producer.close(),
        async send(batch) {
          const writes = (topic: string) => batch.some((one) => one.topic.endsWith(topic));
          if (writes('predictions')) points.at('answered');
          if (writes('texts-dlq')) points.at('burying');
          const sent = producer.send(batch);
          if (writes('predictions')) setImmediate(() => points.at('sending'));
          const offsets = await sent;
          if (writes('predictions')) points.at('acknowledged');
          if (writes('texts-dlq')) points.at('buried');
          return offsets;
        },
      };
    },
    subscribe(options) {
      if (!options.groupId.endsWith('inference')) return backend.subscribe(options);
      return backend.subscribe(faultySubscription(options, points, mutant));
    },
  };
}

function faultySubscription(
  options: SubscribeOptions,
  points: FaultPoints,
  mutant: Mutant | undefined,
): SubscribeOptions {
  return {
    ...options,
    async handle(batch: RawBatch, control) {
      points.at('fetched');
      if (mutant === 'commits first') {
        const unfenced = { ...ofNobody(control), fence: () => Promise.resolve() };
        void options.handle(batch, unfenced).catch(() => undefined);
        return;
      }
      await options.handle(batch, control);
      points.at('handled');
    },
    onProgress(partition, next) {
      options.onProgress?.(partition, next);
      points.at('committed');
    },
  };
}

type Control = Parameters<SubscribeOptions['handle']>[1];

function ofNobody(control: Control): Control {
  const never = new AbortController().signal;
  return { draining: never, lost: never, resolve: () => undefined, fence: () => control.fence() };
}

/** A stream with points around handlers and told states. */
export function faultyStream(stream: Stream, points: FaultPoints, mutant: Mutant | undefined): Stream {
  const wrong = mutant === 'answers wrongly';
  return {
    ...stream,
    readToEnd: (topic, onRecord, options) =>
      stream.readToEnd(topic, (record) => (wrong && isOutdated(record.value) ? undefined : onRecord(record)), options),
    producer: () => faultyProducer(stream.producer(), points, mutant),
    consume: (options) => stream.consume(faultyHandler(options, points, mutant)),
  };
}

function faultyHandler<T extends Parameters<Stream['consume']>[0]['topics'][number]>(
  options: ConsumeOptions<T>,
  points: FaultPoints,
  mutant: Mutant | undefined,
): ConsumeOptions<T> {
  return {
    ...options,
    async handleBatch(batch, control, admitRejects) {
      points.at('decoded');
      setImmediate(() => points.at('inferring'));
      if (mutant !== 'answers wrongly') return await options.handleBatch(batch, control, admitRejects);
      const buried = buryGoodTexts(batch.accepted);
      const outcome = await options.handleBatch(batch, control, admitRejects);
      return { rejects: [...(outcome?.rejects ?? []), ...buried] };
    },
  };
}

function faultyProducer(producer: StreamProducer, points: FaultPoints, mutant: Mutant | undefined): StreamProducer {
  return {
    sendRaw: (...args) => producer.sendRaw(...args),
    close: () => producer.close(),
    async send(topic, records, options) {
      const written = await producer.send(topic, mutant === 'answers wrongly' ? wrongly(records) : records, options);
      for (const { value } of records) if (value !== null && 'state' in value) points.at(`told ${value.state}`);
      return written;
    },
  };
}
