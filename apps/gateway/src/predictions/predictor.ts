import { type Configuration, milliseconds } from '#libs/platform';
import { Upstream } from '../edge/upstream.ts';
import { type PredictOutput, predictOutput } from './predictions.schemas.ts';

export interface PredictRequest {
  model: string;
  texts: string[];
  version?: number | undefined;
  signal: AbortSignal;
}

export function inferenceUpstream(config: Configuration): Upstream {
  // A little more than inference itself waits: its own answer says more than our time-out.
  const deadline = milliseconds(config.inference.requestTimeout) + 1000;
  return new Upstream({ name: 'inference', urls: config.inference.url, deadline });
}

/** Synchronous predictions, asked of inference. */
export class Predictor {
  readonly #inference: Upstream;

  constructor(inference: Upstream) {
    this.#inference = inference;
  }

  /** @throws Problem the one inference answered with */
  predict({ model, texts, version, signal }: PredictRequest): Promise<PredictOutput> {
    return this.#inference.json(`/v1/models/${encodeURIComponent(model)}/predict`, predictOutput, {
      method: 'POST',
      body: version === undefined ? { texts } : { texts, version },
      signal,
    });
  }
}
