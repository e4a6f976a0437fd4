import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect } from 'vitest';
import { z } from 'zod';
import { madeUpTexts } from '../../apps/retraining/src/testing/made-up-texts.ts';
import { temporaryFolder, writeTestBundle } from '../../libs/model/src/testing/test-bundle.ts';
import { type Answer, RestClient } from './rest-client.ts';
import { type RestStack, startRestLoop } from './rest-stack.ts';

const run = promisify(execFile);
export const ndjson = 'application/x-ndjson';
export const lines = (...rows: unknown[]) => rows.map((row) => `${JSON.stringify(row)}\n`).join('');

const serving = z.object({ model: z.string(), epoch: z.number(), state: z.string() });
const status = z.object({ apps: z.object({ inference: z.object({ serving: z.array(serving).default([]) }) }) });

/** A loop with the model `words`, and what a client does with it. */
export interface Words extends AsyncDisposable {
  loop: RestStack;
  client: RestClient;
  /** Digest of what version 1 was trained on. */
  dataset: string;
  predict: (texts: readonly string[], version?: number, model?: string) => Promise<Answer>;
  upload: (model: string, content: string, type?: string) => Promise<Answer>;
  importBundle: (model: string, options?: { labels?: string[]; variant?: number }) => Promise<void>;
  /** Asks for a transition of the model that is allowed. */
  govern: (path: string, body?: unknown) => Promise<void>;
  /** Resolves when inference serves the epoch. */
  served: (epoch: number) => Promise<void>;
}

/** Version 1 is trained from uploaded texts and knows two classes, version 2 is made elsewhere, knows three and serves. */
export async function startWords(overrides: Record<string, unknown>): Promise<Words> {
  const folder = await temporaryFolder();
  const loop = await startRestLoop(overrides);
  const client = await RestClient.connect(loop.url);
  const words: Words = {
    loop,
    client,
    dataset: '',
    predict: (texts, version, model = 'words') =>
      client.post(`/v1/models/${model}/predict`, version === undefined ? { texts } : { texts, version }),
    upload: (model, content, type = ndjson) =>
      client.ask(`/v1/models/${model}/datasets`, { method: 'POST', raw: { type, content } }),
    async importBundle(model, options) {
      const { directory } = await writeTestBundle(join(folder.path, model), { model, ...options });
      const packed = ['-c', '-f', '-', '-C', directory, '.'];
      const { stdout } = await run('tar', packed, { encoding: 'buffer', maxBuffer: 2 ** 26 });
      const raw = { type: 'application/x-tar', content: new Uint8Array(stdout) };
      expect((await client.ask(`/v1/models/${model}/import`, { method: 'POST', raw })).status).toBe(201);
    },
    async govern(path, body) {
      const answer = await client.ask(`/v1/models/words/${path}`, { method: 'POST', body });
      expect(answer).toMatchObject({ status: 202, body: { id: expect.any(String) } });
    },
    async served(epoch) {
      for (let known = -1; known < epoch;) {
        const { apps } = status.parse((await client.get('/v1/status')).body);
        const own = apps.inference.serving.filter(({ model, state }) => model === 'words' && state === 'serving');
        known = own[0]?.epoch ?? known;
      }
    },
    async [Symbol.asyncDispose]() {
      await loop[Symbol.asyncDispose]();
      await folder[Symbol.asyncDispose]();
    },
  };
  const uploaded = await words.upload('words', lines(...madeUpTexts('north', 300), ...madeUpTexts('south', 300)));
  expect(uploaded).toMatchObject({ status: 201, body: { texts: 600, labels: ['north', 'south'] } });
  const { digest: dataset } = z.object({ digest: z.string() }).parse(uploaded.body);
  await words.govern('retraining-requests', { dataset, requestedBy: 'ana' });
  await words.served(1);
  await words.importBundle('words', { labels: ['east', 'north', 'south'] });
  await words.govern('versions/2/promote', { by: 'ana', reason: 'knows the east' });
  await words.served(2);
  return { ...words, dataset };
}
