import { z } from 'zod';
import { Problem } from '#libs/http';
import { hostModel, ModelHost, readBundle, type StartHost } from '#libs/model';
import { type Configuration, milliseconds, reasonOf } from '#libs/platform';
import { answerOf } from './model-slots.ts';

/** Hosts of versions other than the serving one; the least recently used that is idle makes room for another. */
const maximumHosts = 2;

/** The version, or what there is instead. */
const versionAnswer = z.object({ digest: z.string().optional(), known: z.array(z.string()).optional() });

interface OpenVersion {
  key: string;
  opening: Promise<{ host: ModelHost; labels: string[] }>;
  /** Requests that use it now, and their texts. */
  users: number;
  texts: number;
}

/** Answers synchronous requests that name a version which does not serve: asked of the registry, fetched by digest. */
export class VersionHosts {
  readonly #config: Configuration;
  readonly #materialise: (digest: string, signal: AbortSignal) => Promise<string>;
  readonly #start: StartHost;
  /** Most recently used first. */
  #open: OpenVersion[] = [];

  constructor(
    config: Configuration,
    { materialise, start }: { materialise: (digest: string, signal: AbortSignal) => Promise<string>; start: StartHost },
  ) {
    this.#config = config;
    this.#materialise = materialise;
    this.#start = start;
  }

  /**
   * @throws Problem 404 when there is no such version, 429 when too many texts wait for it, 503 when all hosts are busy or
   * the registry does not answer.
   */
  async predict(model: string, version: number, texts: string[]) {
    const open = this.#use(model, version);
    open.texts += texts.length;
    try {
      if (open.texts > texts.length && open.texts > this.#config.inference.maximumQueuedTexts)
        throw new Problem(429, `${open.texts - texts.length} texts wait for this version`, { retryAfter: 1 });
      const { host, labels } = await open.opening;
      const result = { ...(await host.classify(texts)), serving: { labels } };
      return { model, version, epoch: null, predictions: texts.map((_, row) => answerOf(result, row)) };
    } finally {
      open.users--;
      open.texts -= texts.length;
    }
  }

  async close(): Promise<void> {
    await Promise.all(this.#open.map(end));
  }

  #use(model: string, version: number): OpenVersion {
    const key = `${model}@${version}`;
    const used = this.#open.find((open) => open.key === key) ?? this.#begin(key, model, version);
    used.users++;
    this.#open = [used, ...this.#open.filter((open) => open !== used)];
    return used;
  }

  #begin(key: string, model: string, version: number): OpenVersion {
    if (this.#open.length === maximumHosts) {
      const idle = this.#open.findLast(({ users }) => users === 0);
      if (idle === undefined) throw new Problem(503, 'other versions are being asked for', { retryAfter: 1 });
      this.#open = this.#open.filter((open) => open !== idle);
      void end(idle);
    }
    const begun = { key, opening: this.#openVersion(model, version), users: 0, texts: 0 };
    const forget = () => (this.#open = this.#open.filter((open) => open !== begun));
    begun.opening.then(({ host }) => host.exited.then(forget), forget);
    return begun;
  }

  async #openVersion(model: string, version: number) {
    const timeout = milliseconds(this.#config.inference.requestTimeout);
    const signal = AbortSignal.timeout(timeout);
    const bundle = await readBundle(await this.#materialise(await this.#digestOf(model, version, signal), signal));
    const { executionProviders, threads } = this.#config.inference;
    const start = this.#start;
    const host = await ModelHost.open(hostModel(bundle), { executionProviders, threads, timeout, start });
    return { host, labels: bundle.manifest.labels };
  }

  async #digestOf(model: string, version: number, signal: AbortSignal): Promise<string> {
    const url = `${this.#config.retraining.url}/v1/models/${encodeURIComponent(model)}/versions/${version}`;
    const { status, body } = await fetch(url, { signal })
      .then(async (response) => ({ status: response.status, body: versionAnswer.parse(await response.json()) }))
      .catch((error: unknown) => {
        throw new Problem(503, `the registry cannot be asked for ${model}@${version}: ${reasonOf(error)}`, {
          retryAfter: 1,
        });
      });
    if (status === 404) throw new Problem(404, `no version ${version} of a model named ${model}`, body);
    if (body.digest === undefined) throw new Problem(503, `the registry answered ${status}`, { retryAfter: 1 });
    return body.digest;
  }
}

/** Ends the host of a version, which may not have come to be. */
async function end({ opening }: OpenVersion): Promise<void> {
  await opening.then(
    ({ host }) => host.close(),
    () => undefined,
  );
}
