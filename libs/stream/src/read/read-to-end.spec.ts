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
