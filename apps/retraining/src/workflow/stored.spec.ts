import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Label } from '#libs/events';
import { type MemoryStream, openMemoryStream } from '../../../../libs/stream/src/testing/memory-stream.ts';
import { untilStored } from './stored.ts';

const label: Label = {
  textId: 't1',
  model: 'words',
  label: 'north',
  labeller: 'ana',
  source: 'human',
  labelledAt: 1,
  confidence: null,
};
const never = new AbortController().signal;

let memory: MemoryStream;
beforeEach(async () => {
  memory = await openMemoryStream();
});
afterEach(() => memory.stream.close());

describe('untilStored', () => {
  it('does not wait when nothing has been produced', async () => {
    expect(await untilStored(memory.stream.admin, { patience: 0, signal: never })).toBe(true);
  });

  it('waits until monitoring has committed what was there', async () => {
    const { stream } = memory;
    await stream.producer().send('labels', [{ key: 't1', value: label }]);
    expect(await untilStored(stream.admin, { patience: 0, signal: never })).toBe(false);
    const waiting = untilStored(stream.admin, { patience: 20_000, signal: never });
    const monitoring = await stream.consume({
      groupId: 'monitoring',
      topics: ['labels'],
      handleBatch: () => Promise.resolve(),
    });
    expect(await waiting).toBe(true);
    await monitoring.close();
  });

  it('ends when it is aborted', async () => {
    await memory.stream.producer().send('labels', [{ key: 't1', value: label }]);
    const stop = new AbortController();
    const waiting = untilStored(memory.stream.admin, { patience: 20_000, signal: stop.signal });
    stop.abort();
    await expect(waiting).rejects.toThrow(/aborted/);
  });
});
