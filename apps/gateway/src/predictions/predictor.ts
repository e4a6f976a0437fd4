import { type Configuration, milliseconds } from '#libs/platform';
import { asProblem, Upstream, type UpstreamAnswer } from '../edge/upstream.ts';
import { type PredictOutput, predictOutput } from './predictions.schemas.ts';

export interface PredictRequest {
  model: string;
  texts: string[];
  version?: number | undefined;
  signal?: AbortSignal;
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

  /** The answer of inference, whatever its status. */
  call({ model, texts, version, signal }: PredictRequest): Promise<UpstreamAnswer> {
    return this.#inference.call(`/v1/models/${encodeURIComponent(model)}/predict`, {
      method: 'POST',
      body: version === undefined ? { texts } : { texts, version },
      ...(signal === undefined ? {} : { signal }),
    });
  }

  /** @throws Problem the one inference answered with */
  async predict(request: PredictRequest): Promise<PredictOutput> {
    const answer = await this.call(request);
    if (answer.status < 400) return predictOutput.parse(answer.body);
    throw asProblem(answer, 'inference');
  }
}
