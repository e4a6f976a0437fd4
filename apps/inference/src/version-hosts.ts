import { z } from 'zod';
import { Problem } from '#libs/http';
import { hostModel, modelError, ModelHost, readBundle, type StartHost } from '#libs/model';
import { type Configuration, milliseconds, reasonOf } from '#libs/platform';
import type { MemoryBudget } from './memory-budget.ts';
import { requestAnswer } from './request-answer.ts';

/** Hosts of versions other than the serving one; the least recently used that is idle makes room for another. */
const maximumHosts = 2;

/** The version, or what there is instead. */
const versionAnswer = z.object({ digest: z.string().optional(), known: z.array(z.string()).optional() });

interface OpenVersion {
  key: string;
  opening: Promise<{ host: ModelHost; labels: string[] }>;
  /** Texts that it is to answer, also for those who have given up since: what its host was given it runs. */
  texts: number;
}

/** Texts, at least one, for a version by its name. */
interface VersionRequest {
  model: string;
  version: number;
  texts: string[];
  signal: AbortSignal;
}

interface VersionHostsOptions {
  materialise: (digest: string, signal: AbortSignal) => Promise<string>;
  start: StartHost;
  /** Idle hosts go before it asks any model to make room, and no model makes room for them. */
  budget: MemoryBudget;
}

/** Answers synchronous requests that name a version which does not serve: asked of the registry, fetched by digest. */
export class VersionHosts {
  readonly #config: Configuration;
  readonly #options: VersionHostsOptions;
  /** Most recently used first. */
  #open: OpenVersion[] = [];

  constructor(config: Configuration, options: VersionHostsOptions) {
    this.#config = config;
    this.#options = options;
    options.budget.onShort(async () => {
      const idle = this.#takeIdle();
      if (idle !== undefined) await end(idle);
      return idle !== undefined;
    });
  }

  /**
   * @throws Problem 404 when there is no such version, 422 as `requestAnswer`, 429 when too many texts wait for it, 503 when
   * all hosts are busy or the registry does not answer; what the signal was aborted with.
   */
  async predict({ model, version, texts, signal }: VersionRequest) {
    signal.throwIfAborted();
    const open = this.#use(model, version);
    if (open.texts > 0 && open.texts + texts.length > this.#config.inference.maximumQueuedTexts)
      throw new Problem(429, `${open.texts} texts wait for this version`, { retryAfter: 1 });
    open.texts += texts.length;
    const asking = ask(open, texts, signal).finally(() => (open.texts -= texts.length));
    await Promise.race([asking, new Promise((resolve) => signal.addEventListener('abort', resolve))]);
    signal.throwIfAborted();
    const { labels, refused, ...answer } = await asking;
    const failures = new Map(
      refused.map(({ row, reason }) => [row, modelError('MODEL_OUTPUT_INVALID', { detail: reason })]),
    );
    return requestAnswer(model, { ...answer, failures, serving: { version, epoch: null, labels } });
  }

  async close(): Promise<void> {
    await Promise.all(this.#open.map(end));
  }

  #use(model: string, version: number): OpenVersion {
    const key = `${model}@${version}`;
    const used = this.#open.find((open) => open.key === key) ?? this.#begin(key, model, version);
    this.#open = [used, ...this.#open.filter((open) => open !== used)];
    return used;
  }

  #begin(key: string, model: string, version: number): OpenVersion {
    if (this.#open.length === maximumHosts) {
      const idle = this.#takeIdle();
      if (idle === undefined) throw new Problem(503, 'other versions are being asked for', { retryAfter: 1 });
      void end(idle);
    }
    const begun = { key, opening: this.#openVersion(model, version), texts: 0 };
    const forget = () => (this.#open = this.#open.filter((open) => open !== begun));
    begun.opening.then(({ host }) => host.exited.then(forget), forget);
    return begun;
  }

  #takeIdle(): OpenVersion | undefined {
    const idle = this.#open.findLast((open) => open.texts === 0);
    this.#open = this.#open.filter((open) => open !== idle);
    return idle;
  }

  async #openVersion(model: string, version: number) {
    const timeout = milliseconds(this.#config.inference.requestTimeout);
    const signal = AbortSignal.timeout(timeout);
    const { materialise, start, budget } = this.#options;
    const bundle = await readBundle(await materialise(await this.#digestOf(model, version, signal), signal));
    const { executionProviders, threads } = this.#config.inference;
    const host = await budget.open(bundle, {
      hosts: 1,
      async open(hold) {
        const opened = await ModelHost.open(hostModel(bundle), { executionProviders, threads, timeout, start });
        hold(opened);
        return opened;
      },
      makeRoom: () => Promise.resolve(false),
    });
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

async function ask({ opening }: OpenVersion, texts: readonly string[], signal: AbortSignal) {
  const { host, labels } = await opening;
  signal.throwIfAborted();
  return { labels, ...(await host.answer(texts)) };
}

/** Ends the host of a version, which may not have come to be. */
async function end({ opening }: OpenVersion): Promise<void> {
  await opening.then(
    ({ host }) => host.close(),
    () => undefined,
  );
}
