import { z } from 'zod';
import { modelNamePattern } from '#libs/events';
import { Problem } from '#libs/http';
import type { Clock } from '#libs/platform';
import type { Upstream } from '../edge/upstream.ts';

const modelList = z.union([
  z.array(z.object({ model: z.string() })),
  z.object({ models: z.array(z.object({ model: z.string() })) }).transform(({ models }) => models),
  z.object({ items: z.array(z.object({ model: z.string() })) }).transform(({ items }) => items),
]);

/** An answer of the registry counts for this long, so that unknown names cannot make it busy. */
const freshFor = 500;

/** Which models there are: told by events, asked of the registry where a name is not known. */
export class ModelDirectory {
  readonly #registry: Upstream;
  readonly #clock: Clock;
  readonly #names = new Set<string>();
  #asked: { at: number; answer: Promise<boolean> } | undefined;

  constructor(registry: Upstream, clock: Clock) {
    this.#registry = registry;
    this.#clock = clock;
  }

  /** An event named this model. */
  note(model: string): void {
    this.#names.add(model);
  }

  get names(): string[] {
    return [...this.#names].toSorted();
  }

  /**
   * Accepts a name while the registry cannot be asked: taking texts in does not depend on it.
   * @param pointer where a body names the model; absent when the path does
   * @throws Problem 404 with the known models
   */
  async require(model: string, pointer?: string): Promise<void> {
    if (this.#names.has(model)) return;
    const asked = modelNamePattern.test(model) ? await this.#ask() : true;
    if (this.#names.has(model) || !asked) return;
    throw unknownModel(model, this.names, pointer);
  }

  /** True when the registry answered. */
  #ask(): Promise<boolean> {
    const now = this.#clock.now();
    if (this.#asked === undefined || now - this.#asked.at >= freshFor)
      this.#asked = { at: now, answer: this.#list().catch(() => false) };
    return this.#asked.answer;
  }

  async #list(): Promise<boolean> {
    const models = await this.#registry.json('/v1/models', modelList, { deadline: 2000 });
    for (const { model } of models) this.#names.add(model);
    return true;
  }
}

function unknownModel(model: string, known: string[], pointer: string | undefined): Problem {
  const next =
    known.length === 0
      ? 'there is none yet: create one with `tidemill models create NAME --train FILE.jsonl`'
      : `known: ${known.join(', ')}`;
  const message = `no model named ${JSON.stringify(model)}; ${next}`;
  return new Problem(404, message, { known, ...(pointer === undefined ? {} : { errors: [{ pointer, message }] }) });
}
