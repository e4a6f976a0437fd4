import { z } from 'zod';
import type { Readiness } from '#libs/platform';
import type { Upstream } from '../edge/upstream.ts';

const servingAnswer = z.object({
  statuses: z.array(z.object({ model: z.string(), state: z.string() })),
});

const probeDeadline = 2000;

/** Whether inference can answer, asked of inference itself. */
export class InferenceHealth {
  readonly #inference: Upstream;
  readonly #readiness: Readiness;

  constructor(inference: Upstream, readiness: Readiness) {
    this.#inference = inference;
    this.#readiness = readiness;
  }

  async ready(): Promise<boolean> {
    if (!this.#readiness.ready) return false;
    try {
      return (await this.#inference.call('/readyz', { deadline: probeDeadline })).status === 200;
    } catch {
      return false;
    }
  }

  /** Whether an instance serves a version of the model now. */
  async serves(model: string): Promise<boolean> {
    const answer = await this.#inference.json('/v1/serving', servingAnswer, { deadline: probeDeadline });
    return answer.statuses.some((status) => status.model === model && status.state === 'serving');
  }
}
