import { afterEach, describe, expect, it } from 'vitest';
import { madeUpTexts } from '../testing/made-up-texts.ts';
import { train } from './train.ts';

const rows = ['north', 'south'].flatMap((label) => madeUpTexts(label, 400));
const request = {
  texts: rows.map(({ text }) => text),
  labels: rows.map(({ label }) => label),
  groups: rows.map(() => ''),
  seed: 1,
};
const options = { timeout: 60_000, signal: new AbortController().signal, onProgress: () => undefined };

const node = process.execPath;
afterEach(() => {
  process.execPath = node;
});

describe('training', () => {
  it('fails when its process cannot be started', async () => {
    process.execPath = '/nowhere/node';
    await expect(train(request, options)).rejects.toMatchObject({ code: 'TRAINING_FAILED' });
  });

  it('fails when it takes too long, and ends with the signal', async () => {
    await expect(train(request, { ...options, timeout: 1 })).rejects.toMatchObject({
      code: 'TRAINING_FAILED',
      message: expect.stringContaining('retraining.trainingTimeout'),
    });
    const stop = new AbortController();
    const onProgress = () => stop.abort(new Error('stopped'));
    await expect(train(request, { ...options, signal: stop.signal, onProgress })).rejects.toThrow('stopped');
  });
});
