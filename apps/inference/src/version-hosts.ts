import { z } from 'zod';
import { Problem } from '#libs/http';
import { classified, hostModel, ModelHost, readBundle } from '#libs/model';
import { type Configuration, milliseconds } from '#libs/platform';

/** Hosts of versions other than the serving one; the least recently used is ended. */
const maximumHosts = 2;

const versionAnswer = z.object({ digest: z.string() });

interface OpenVersion {
  key: string;
  labels: string[];
  host: Promise<ModelHost>;
}

/** Answers synchronous requests that name a version which does not serve: asked of the registry, fetched by digest. */
export class VersionHosts {
  readonly #config: Configuration;
  readonly #materialise: (digest: string, signal: AbortSignal) => Promise<string>;
  #open: OpenVersion[] = [];

  constructor(config: Configuration, materialise: (digest: string, signal: AbortSignal) => Promise<string>) {
    this.#config = config;
    this.#materialise = materialise;
  }

  async predict(model: string, version: number, texts: string[]) {
    const { labels, host } = await this.#opened(model, version);
    const { probabilities } = await (await host).classify(texts);
    const predictions = texts.map((_, row) => {
      const answer = classified(probabilities.subarray(row * labels.length, (row + 1) * labels.length), labels);
      return {
        ...answer,
        probabilities: Object.fromEntries(labels.map((label, i) => [label, answer.probabilities[i] ?? 0])),
      };
    });
    return { model, version, epoch: null, predictions };
  }

  async close(): Promise<void> {
    await Promise.all(this.#open.map(async ({ host }) => (await host).close()));
  }

  async #opened(model: string, version: number): Promise<OpenVersion> {
    const key = `${model}@${version}`;
    let found = this.#open.find((open) => open.key === key);
    if (found === undefined) {
      const signal = AbortSignal.timeout(milliseconds(this.#config.inference.requestTimeout));
      const bundle = await readBundle(await this.#materialise(await this.#digestOf(model, version, signal), signal));
      const { executionProviders, threads } = this.#config.inference;
      found = {
        key,
        labels: bundle.manifest.labels,
        host: ModelHost.open(hostModel(bundle), { executionProviders, threads, signal }),
      };
      const forget = () => (this.#open = this.#open.filter((open) => open.key !== key));
      found.host.then((host) => host.exited.then(forget), forget);
    }
    const current = found;
    this.#open = [current, ...this.#open.filter((open) => open !== current)];
    for (const old of this.#open.splice(maximumHosts)) void old.host.then((host) => host.close());
    return current;
  }

  async #digestOf(model: string, version: number, signal: AbortSignal): Promise<string> {
    const response = await fetch(`${this.#config.retraining.url}/v1/models/${model}/versions/${version}`, { signal });
    if (response.status === 404) throw new Problem(404, `${model} has no version ${version}`);
    if (!response.ok) throw new Problem(503, `the registry answered ${response.status}`, { retryAfter: 1 });
    return versionAnswer.parse(await response.json()).digest;
  }
}
