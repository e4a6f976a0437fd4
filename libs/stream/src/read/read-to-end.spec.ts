import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ModelVersion } from '#libs/events';
import { type MemoryStream, openMemoryStream } from '../testing/memory-stream.ts';

const version = (model: string, epoch: number): ModelVersion => ({
  model,
  version: epoch,
  epoch,
  bundleDigest: 'd',
  action: 'promote',
  reason: '',
  promotedBy: '',
  at: 1,
  signature: null,
  revision: 0,
  challengers: [],
});

let memory: MemoryStream;
beforeEach(async () => {
  memory = await openMemoryStream();
});
afterEach(() => memory.stream.close());

describe('readToEnd', () => {
  it('resolves at once on an empty topic', async () => {
    await memory.stream.readToEnd('model-versions', () => expect.unreachable());
  });

  it('gives records and tombstones in order, leaves out what cannot be read', async () => {
    const producer = memory.stream.producer();
    await producer.send('model-versions', [{ key: 'a', value: version('a', 1) }]);
    await producer.sendRaw('model-versions', [{ key: 'a', value: Buffer.from('junk') }]);
    await producer.send('model-versions', [
      { key: 'a', value: null },
      { key: 'b', value: version('b', 2) },
    ]);
    const read: [string | null, number | null][] = [];
    await memory.stream.readToEnd('model-versions', ({ key, value }) => void read.push([key, value?.epoch ?? null]));
    expect(read).toEqual([
      ['a', 1],
      ['a', null],
      ['b', 2],
    ]);
  });

  it('reads a range of each partition, once, and tells what cannot be read', async () => {
    const producer = memory.stream.producer();
    const text = (id: string) => ({ id, model: 'm', text: id, occurredAt: 1, source: '', attributes: {} });
    for (const partition of [0, 1])
      for (let i = 0; i < 4; i++)
        await (i === 2
          ? producer.sendRaw('texts', [{ key: null, value: Buffer.from('junk'), partition }])
          : producer.send('texts', [{ key: null, value: text(`${partition}-${i}`), partition }]));
    const read: string[] = [];
    const ends = {
      from: new Map([[0, 1n]]),
      until: new Map([
        [0, 3n],
        [1, 0n],
      ]),
    };
    await memory.stream.readToEnd('texts', ({ value }) => void read.push(value?.id ?? ''), {
      ...ends,
      onUnreadable: ({ partition, offset, reject }) => void read.push(`${partition}@${offset}: ${reject.code}`),
    });
    expect(read).toEqual(['0-1', '0@2: unknown-magic']);
  });

  it('follows', async () => {
    const producer = memory.stream.producer();
    await producer.send('model-versions', [{ key: 'a', value: version('a', 1) }]);
    const epochs: number[] = [];
    const second = Promise.withResolvers<void>();
    const reader = await memory.stream.readToEnd(
      'model-versions',
      ({ value }) => {
        epochs.push(value?.epoch ?? 0);
        if (value?.epoch === 2) second.resolve();
      },
      { follow: true },
    );
    expect(epochs).toEqual([1]);
    await producer.send('model-versions', [{ key: 'a', value: version('a', 2) }]);
    await second.promise;
    await reader.close();
  });

  it('rejects when the reader throws before the end, and tells the service when it throws later', async () => {
    const producer = memory.stream.producer();
    const fail = () => {
      throw new Error('no such model');
    };
    await producer.send('model-versions', [{ key: 'a', value: version('a', 1) }]);
    await expect(memory.stream.readToEnd('model-versions', fail)).rejects.toThrow(/no such model/);
    expect(memory.fatal).toEqual([]);
    let first = true;
    const called = Promise.withResolvers<void>();
    const reader = await memory.stream.readToEnd(
      'model-versions',
      () => {
        if (first) first = false;
        else {
          called.resolve();
          fail();
        }
      },
      { follow: true },
    );
    await producer.send('model-versions', [{ key: 'a', value: version('a', 2) }]);
    await called.promise;
    await reader.close();
    expect(memory.fatal.map(({ message }) => message)).toEqual([expect.stringMatching(/no such model/)]);
  });
});
