import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type MemoryStream, openMemoryStream } from '../testing/memory-stream.ts';

let memory: MemoryStream;
beforeEach(async () => {
  memory = await openMemoryStream();
  const producer = memory.stream.producer();
  await producer.sendRaw('texts', [
    { key: 'k', value: Buffer.from('one'), headers: { a: '1' }, timestamp: 1234 },
    { key: null, value: Buffer.from('two'), partition: 3 },
    { key: 'k', value: Buffer.from('three') },
  ]);
  await consume('first');
});
afterEach(() => memory.stream.close());

async function consume(groupId: string): Promise<{ value: string; partition: number; timestamp: number }[]> {
  const seen: { value: string; partition: number; timestamp: number }[] = [];
  const before = await memory.stream.admin.groupLag(groupId, 'texts');
  const done = Promise.withResolvers<void>();
  const pipeline = await memory.stream.consume({
    groupId,
    topics: ['texts'],
    handleBatch: async ({ messages, partition }) => {
      for (const { raw, timestamp } of messages) seen.push({ value: String(raw.value), partition, timestamp });
      if (seen.length >= before.total) done.resolve();
    },
  });
  await done.promise;
  await pipeline.close();
  return seen;
}

describe('dead letters', () => {
  it('are listed with their origin, and shown by offset', async () => {
    const letters = await memory.stream.deadLetters.list('texts');
    expect(letters.map(({ value }) => String(value)).toSorted()).toEqual(['one', 'three', 'two']);
    const one = letters.find(({ value }) => String(value) === 'one');
    expect(one).toMatchObject({ topic: 'texts', error: 'unknown-magic', timestamp: 1234, schemaId: undefined });
    expect(Object.keys(one?.headers ?? {})).toEqual(['a']);
    expect(await memory.stream.deadLetters.show('texts', one?.id ?? -1n)).toEqual(one);
    await expect(memory.stream.deadLetters.show('texts', 99n)).rejects.toMatchObject({ code: 'DEAD_LETTER_UNKNOWN' });
  });

  it('go back as they were, and are then no longer open', async () => {
    const letters = await memory.stream.deadLetters.list('texts');
    const wanted = letters.filter(({ value }) => String(value) !== 'three').map(({ id }) => id);
    expect(await memory.stream.deadLetters.replay('texts', wanted)).toBe(2);
    const open = await memory.stream.deadLetters.list('texts');
    expect(open.map(({ value }) => String(value))).toEqual(['three']);
    const replayed = await memory.stream.admin.endOffsets('texts');
    expect(replayed.reduce((sum, { high }) => sum + Number(high), 0)).toBe(5);
    const again = (await consume('second')).filter(({ value }) => value === 'one' || value === 'two');
    const ones = again.filter(({ value }) => value === 'one');
    expect(ones[0]).toEqual(ones[1]);
    expect(again.filter(({ value }) => value === 'two').map(({ partition }) => partition)).toEqual([3, 3]);
    await expect(memory.stream.deadLetters.replay('texts', wanted)).rejects.toMatchObject({
      code: 'DEAD_LETTER_UNKNOWN',
    });
  });

  it('can be given up', async () => {
    const letters = await memory.stream.deadLetters.list('texts');
    expect(
      await memory.stream.deadLetters.drop(
        'texts',
        letters.map(({ id }) => id),
      ),
    ).toBe(3);
    expect(await memory.stream.deadLetters.list('texts')).toEqual([]);
  });
});
