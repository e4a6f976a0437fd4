import { expect, it, vi } from 'vitest';
import { z } from 'zod';
import type { ModelVersion, RegistryEvent } from '#libs/events';
import { madeUpTexts } from '../../apps/retraining/src/testing/made-up-texts.ts';
import { temporaryFolder } from '../../libs/model/src/testing/test-bundle.ts';
import { type AppProcess, startAppOn } from '../support/app-process.ts';
import { alive, familyOf } from '../support/product.ts';
import { openTestStream, type TestStream } from '../support/stream.ts';

const model = 'words';
const status = z.object({ phase: z.string().optional(), idle: z.boolean() });
const serving = z.object({ serving: z.object({ version: z.number(), epoch: z.number() }).nullable() });
const runs = z.object({ runs: z.array(z.object({ status: z.string() })) });
const rows = ['north', 'south', 'east'].flatMap((label) => madeUpTexts(label, 2000));
const labelledTexts = rows.map((row) => `${JSON.stringify(row)}\n`).join('');

/** When the process is killed: in a phase of the workflow, or as soon as the registry has written an event. */
const moments = ['snapshot', 'train', 'evaluate', 'run-finished', 'version-registered', 'stage-changed', 'promoted'];

/** One request from its beginning to its end, in a process that is killed at each of the moments. */
class Loop implements AsyncDisposable {
  readonly events: RegistryEvent[] = [];
  /** Kills that found the request under way. */
  cutShort = 0;
  readonly #test: TestStream;
  readonly #directory: string;
  #process: AppProcess;

  constructor(test: TestStream, directory: string) {
    this.#test = test;
    this.#directory = directory;
    this.#process = this.#start();
  }

  #start(): AppProcess {
    return startAppOn(this.#test, 'retraining', { TIDEMILL__DATADIRECTORY: this.#directory });
  }

  async get<T>(path: string, schema: z.ZodType<T>): Promise<T> {
    return schema.parse(await (await fetch(`${await this.#process.url}${path}`)).json());
  }

  async ask(): Promise<void> {
    const url = `${await this.#process.url}/v1/models/${model}`;
    for (const [path, type, body] of [
      ['datasets', 'x-ndjson', labelledTexts],
      ['retraining-requests', 'json', JSON.stringify({ requestedBy: 'ana' })],
    ] as const) {
      const headers = { 'content-type': `application/${type}` };
      const answer = await fetch(`${url}/${path}`, { method: 'POST', headers, body });
      if (!answer.ok) throw new Error(await answer.text());
    }
  }

  /** Kills the process when the first of the moments has come, or one after it. */
  async killAt(moments: readonly string[]): Promise<void> {
    for (;;) {
      const { phase, idle } = await this.get('/v1/status', status);
      if (idle || moments.includes(phase ?? '') || this.events.some(({ kind }) => moments.includes(kind))) break;
    }
    // Held still, it starts no more processes while they are counted.
    process.kill(this.#process.pid, 'SIGSTOP');
    const family = await familyOf(this.#process.pid);
    if (this.events.every(({ kind }) => kind !== 'promoted')) this.cutShort++;
    await this.#process.kill('SIGKILL');
    await vi.waitUntil(() => alive(family).length === 0, 5000);
    this.#process = this.#start();
  }

  async untilIdle(): Promise<void> {
    while (!(await this.get('/v1/status', status)).idle);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#process[Symbol.asyncDispose]();
  }
}

/** What is known after a request has ended. */
async function play(kills: readonly string[]) {
  await using folder = await temporaryFolder();
  await using test = await openTestStream();
  await using loop = new Loop(test, folder.path);
  const reader = await test.stream.readToEnd(
    'registry-events',
    ({ value }) => void (value !== null && loop.events.push(value)),
    { follow: true },
  );
  await loop.ask();
  for (const i of kills.keys()) await loop.killAt(kills.slice(i));
  await loop.untilIdle();
  await reader.caughtUp();
  const versions: ModelVersion[] = [];
  await test.stream.readToEnd('model-versions', ({ value }) => void (value !== null && versions.push(value)));
  const outcome = {
    events: loop.events.map(({ kind }) => kind),
    told: versions.map(({ version, epoch }) => ({ version, epoch })),
    digests: new Set([...versions, ...loop.events].map(({ bundleDigest }) => bundleDigest).filter(Boolean)),
    ...(await loop.get(`/v1/models/${model}`, serving)),
    ...(await loop.get('/v1/runs', runs)),
  };
  await reader.close();
  return { outcome, cutShort: loop.cutShort };
}

it(
  'one request makes one version and one promotion, however often retraining is killed',
  { timeout: 240_000 },
  async () => {
    const { outcome: undisturbed } = await play([]);
    expect(undisturbed).toMatchObject({
      events: ['dataset-added', 'run-started', 'run-finished', 'version-registered', 'stage-changed', 'promoted'],
      told: [{ version: 1, epoch: 1 }],
      serving: { version: 1, epoch: 1 },
      runs: [{ status: 'finished' }],
    });
    expect(undisturbed.digests.size).toBe(1);
    const { outcome, cutShort } = await play(moments);
    expect(outcome).toEqual(undisturbed);
    // Else the kills came too late, and the figures say little.
    expect(cutShort).toBeGreaterThanOrEqual(5);
  },
);
