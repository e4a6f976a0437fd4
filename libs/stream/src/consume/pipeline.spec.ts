import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Text } from '#libs/events';
import { streamError } from '../errors.ts';
import { type MemoryStream, openMemoryStream } from '../testing/memory-stream.ts';
import type { DecodedBatch } from './decoded-batch.ts';
import type { ConsumeOptions } from './consume-options.ts';

const text = (id: string): Text => ({ id, model: 'm', text: `text ${id}`, occurredAt: 1, source: '', attributes: {} });

let memory: MemoryStream;
beforeEach(async () => {
  memory = await openMemoryStream({ deadLetterLimits: { consecutive: 20, share: 0.5 } });
});
afterEach(async () => {
  vi.useRealTimers();
  await memory.stream.close();
});

async function send(records: (string | Buffer)[]): Promise<void> {
  const producer = memory.stream.producer();
  for (const record of records) {
    if (typeof record === 'string') await producer.send('texts', [{ key: record, value: text(record), partition: 0 }]);
    else await producer.sendRaw('texts', [{ key: 'raw', value: record, partition: 0, headers: { h: '1' } }]);
  }
}

/** Consumes until everything sent is committed. */
async function consumeAll(
  handleBatch: ConsumeOptions<'texts'>['handleBatch'],
  options: Partial<ConsumeOptions<'texts'>> = {},
) {
  const pipeline = await memory.stream.consume({ groupId: 'g', topics: ['texts'], handleBatch, ...options });
  await vi.waitFor(async () => expect((await memory.stream.admin.groupLag('g', 'texts')).total).toBe(0), {
    timeout: 5000,
  });
  await pipeline.close();
}

const ids = ({ accepted }: DecodedBatch<'texts'>) => accepted.map(({ value }) => value.id);

describe('a batch', () => {
  it('holds records in order, decoded or rejected, and rejects go to dead letters', async () => {
    await send(['a', Buffer.from([0, 1, 2]), 'b', Buffer.from('junk'), 'c']);
    const seen: string[] = [];
    await consumeAll(async (batch) => {
      expect(batch.topic).toBe('texts');
      for (const message of batch.messages) seen.push(message.ok ? message.value.id : message.reject.code);
    });
    expect(seen).toEqual(['a', 'truncated', 'b', 'unknown-magic', 'c']);
    const letters = await memory.stream.deadLetters.list('texts');
    expect(letters).toMatchObject([
      { topic: 'texts', partition: 0, offset: 1n, error: 'truncated', stage: 'decode', attempts: 1 },
      { topic: 'texts', partition: 0, offset: 3n, error: 'unknown-magic' },
    ]);
    expect(letters[0]?.value).toEqual(Buffer.from([0, 1, 2]));
    expect(String(letters[0]?.headers['h'])).toBe('1');
  });

  it('is at most as large as asked for', async () => {
    await send(['a', 'b', 'c', 'd', 'e']);
    const sizes: number[] = [];
    await consumeAll(async ({ messages }) => void sizes.push(messages.length), { maximumRecords: 2 });
    expect(Math.max(...sizes)).toBeLessThanOrEqual(2);
    expect(sizes.reduce((a, b) => a + b)).toBe(5);
  });

  it('may be rejected in part by the handler', async () => {
    await send(['a', 'b']);
    await consumeAll(async ({ accepted }) => ({
      rejects: accepted
        .filter(({ value }) => value.id === 'b')
        .map((message) => ({ message, reject: { code: 'unknown-model', reason: 'no model m' } })),
    }));
    expect(await memory.stream.deadLetters.list('texts')).toMatchObject([
      { error: 'unknown-model', reason: 'no model m', stage: 'handle' },
    ]);
  });

  it('leaves rejects out, and counts them, for a consumer that does not answer for the topic', async () => {
    await send([Buffer.from('junk'), 'a']);
    await consumeAll(async () => undefined, { rejects: 'skip' });
    expect(await memory.stream.deadLetters.list('texts')).toEqual([]);
    expect(await memory.metrics.render()).toContain('tidemill_records_skipped_total{topic="texts"} 1');
  });
});

describe('a handler that fails', () => {
  it('on one record: that record alone goes to dead letters, the others are handled', async () => {
    await send(['a', 'b', 'poison', 'c', 'd', 'e']);
    const handled = new Set<string>();
    await consumeAll(async (batch) => {
      if (ids(batch).includes('poison')) throw new TypeError('cannot read properties of undefined');
      for (const id of ids(batch)) handled.add(id);
    });
    expect([...handled].toSorted()).toEqual(['a', 'b', 'c', 'd', 'e']);
    expect(await memory.stream.deadLetters.list('texts')).toMatchObject([
      { error: 'handler-failed', reason: 'cannot read properties of undefined', attempts: 3, offset: 2n },
    ]);
  });

  it('for a passing reason: tried again, nothing rejected, readiness says why meanwhile', async () => {
    await send(['a']);
    let calls = 0;
    const reasons: string[][] = [];
    await consumeAll(async () => {
      calls++;
      reasons.push(memory.readiness.reasons);
      if (calls < 3) throw streamError('BROKER_UNAVAILABLE', { detail: 'gone' });
    });
    expect(calls).toBe(3);
    expect(reasons[1]).toEqual([expect.stringMatching(/^consumer g: Kafka does not answer.*gone/)]);
    expect(memory.readiness.ready).toBe(true);
    expect(await memory.stream.deadLetters.list('texts')).toEqual([]);
  });

  it('in one partition: readiness says so although others go on', async () => {
    const producer = memory.stream.producer();
    await producer.send('texts', [{ key: 'stuck', value: text('stuck'), partition: 0 }]);
    const stuck = Promise.withResolvers<void>();
    const handled: string[] = [];
    let down = true;
    const pipeline = await memory.stream.consume({
      groupId: 'g',
      topics: ['texts'],
      handleBatch: async (batch) => {
        if (down && batch.partition === 0) {
          if (!memory.readiness.ready) stuck.resolve();
          throw streamError('BROKER_UNAVAILABLE', { detail: 'gone' });
        }
        handled.push(...ids(batch));
      },
    });
    await stuck.promise;
    await producer.send('texts', [{ key: 'free', value: text('free'), partition: 1 }]);
    await vi.waitFor(async () => expect((await memory.stream.admin.groupLag('g', 'texts')).total).toBe(1), {
      timeout: 5000,
    });
    expect(memory.readiness.reasons).toEqual([expect.stringMatching(/^consumer g: .*gone/)]);
    down = false;
    await vi.waitFor(() => expect(memory.readiness.ready).toBe(true), { timeout: 5000 });
    await pipeline.close();
    expect(handled).toEqual(['free', 'stuck']);
  });

  it('on everything: stops before the topic drains into dead letters', async () => {
    await send(Array.from({ length: 60 }, (_, i) => `${i}`));
    const stopped = Promise.withResolvers<void>();
    const pipeline = await memory.stream.consume({
      groupId: 'g',
      topics: ['texts'],
      maximumRecords: 10,
      handleBatch: async () => {
        if (!memory.readiness.ready) stopped.resolve();
        throw new RangeError('a bad deploy');
      },
    });
    await stopped.promise;
    expect(memory.readiness.reasons).toEqual([expect.stringMatching(/more than 20 records in a row.*a bad deploy/)]);
    expect(pipeline.status().stopped).toMatch(/in a row/);
    await pipeline.close();
    expect((await memory.stream.deadLetters.list('texts')).length).toBeLessThanOrEqual(20);
    expect((await memory.stream.admin.groupLag('g', 'texts')).total).toBeGreaterThanOrEqual(40);
    expect(memory.fatal).toEqual([]);
  }, 30_000);

  it('on too many of its records: has no effect that is repeated for ever', async () => {
    await send(Array.from({ length: 30 }, (_, i) => `${i}`));
    const tried = Promise.withResolvers<void>();
    let calls = 0;
    const effects: string[] = [];
    const pipeline = await memory.stream.consume({
      groupId: 'g',
      topics: ['texts'],
      handleBatch: async (batch, _, admitRejects) => {
        if (++calls === 3) tried.resolve();
        const rejects = batch.accepted
          .slice(1)
          .map((message) => ({ message, reject: { code: 'model-failed' as const, reason: 'NaN' } }));
        admitRejects(rejects);
        effects.push(...ids(batch));
        return { rejects };
      },
    });
    await tried.promise;
    expect(memory.readiness.reasons).toEqual([expect.stringMatching(/more than 20 records in a row.*NaN/)]);
    await pipeline.close();
    expect(effects).toEqual([]);
    expect(await memory.stream.deadLetters.list('texts')).toEqual([]);
  });

  it('where rejects go nowhere: stops, for the record would be lost', async () => {
    await send(['a']);
    const called = Promise.withResolvers<void>();
    let calls = 0;
    const pipeline = await memory.stream.consume({
      groupId: 'g',
      topics: ['texts'],
      rejects: 'skip',
      handleBatch: async () => {
        calls++;
        if (calls > 3) called.resolve();
        throw new TypeError('a bug');
      },
    });
    await called.promise;
    expect(memory.readiness.reasons).toEqual(['consumer g: a bug']);
    await pipeline.close();
    expect((await memory.stream.admin.groupLag('g', 'texts')).total).toBe(1);
  });
});

describe('what must not be skipped', () => {
  it('a dead letter that cannot be written stops its partition', async () => {
    await send([Buffer.from('junk'), 'a']);
    const openProducer = memory.backend.openProducer.bind(memory.backend);
    let down = true;
    let refused = 0;
    memory.backend.openProducer = async () => {
      if (!down) return openProducer();
      refused++;
      throw streamError('BROKER_UNAVAILABLE');
    };
    const pipeline = await memory.stream.consume({
      groupId: 'g',
      topics: ['texts'],
      handleBatch: async () => undefined,
    });
    await vi.waitFor(() => expect(refused).toBeGreaterThan(1), { timeout: 5000 });
    expect((await memory.stream.admin.groupLag('g', 'texts')).total).toBe(2);
    expect(memory.readiness.ready).toBe(false);
    down = false;
    await vi.waitFor(() => expect(memory.readiness.ready).toBe(true), { timeout: 5000 });
    await pipeline.close();
    expect(await memory.stream.deadLetters.list('texts')).toHaveLength(1);
    expect((await memory.stream.admin.groupLag('g', 'texts')).total).toBe(0);
  });

  it('a registry that does not answer rejects nothing', async () => {
    await send(['a']);
    const reader = await openMemoryStreamBeside();
    memory.schemas.unavailable = true;
    const handled = Promise.withResolvers<string[]>();
    const pipeline = await reader.stream.consume({
      groupId: 'g',
      topics: ['texts'],
      handleBatch: async (batch) => handled.resolve(ids(batch)),
    });
    await vi.waitFor(() => expect(reader.readiness.reasons[0]).toMatch(/schema registry does not answer/), {
      timeout: 5000,
    });
    memory.schemas.unavailable = false;
    expect(await handled.promise).toEqual(['a']);
    await pipeline.close();
    await reader.stream.close();
  });
});

/** A second process on the same broker and registry, that has not learned any schema yet. */
async function openMemoryStreamBeside(): Promise<MemoryStream> {
  return openMemoryStream({}, { broker: memory.broker, schemas: memory.schemas });
}

describe('stopping', () => {
  it('gives up waiting at once and commits what is done', async () => {
    await send(['a', 'b']);
    const waiting = Promise.withResolvers<void>();
    const pipeline = await memory.stream.consume({
      groupId: 'g',
      topics: ['texts'],
      maximumRecords: 1,
      handleBatch: async (batch) => {
        if (ids(batch).includes('a')) return;
        waiting.resolve();
        throw streamError('BROKER_UNAVAILABLE');
      },
    });
    await waiting.promise;
    await pipeline.close();
    expect((await memory.stream.admin.groupLag('g', 'texts')).total).toBe(1);
    expect(memory.fatal).toEqual([]);
  });
});

describe('expired offsets', () => {
  it('are counted, and reading goes on at the oldest record', async () => {
    await send(['a', 'b', 'c']);
    await consumeAll(async () => undefined, { maximumRecords: 1 });
    await send(['d', 'e']);
    memory.broker.expire('texts', 0, 4n);
    const seen: string[] = [];
    await consumeAll(async (batch) => void seen.push(...ids(batch)));
    expect(seen).toEqual(['e']);
    expect(await memory.metrics.render()).toContain('tidemill_offset_resets_total{topic="texts"} 1');
  });
});
