import { z } from 'zod';
import type { Upstream } from '../edge/upstream.ts';

/** How a challenger is in one instance of inference. */
export interface ChallengerState {
  state: 'answering' | 'loading' | 'failed';
  /** Why it does not answer, or what it failed at before. */
  error: string | null;
}

/** By version, in every instance that answers. */
export type ChallengerStates = ReadonlyMap<number, ChallengerState[]>;

const inferenceStatus = z.object({
  challengers: z.array(
    z.object({
      model: z.string(),
      version: z.number(),
      state: z.enum(['answering', 'loading', 'failed']),
      error: z.string().nullable(),
    }),
  ),
});

const statusDeadline = 2000;

/** How the challengers of a model are: one that an instance has given up is a challenger in the registry still. */
export async function challengerStates(inference: Upstream, model: string): Promise<ChallengerStates> {
  const asked = inference.each.map((instance) =>
    instance.json('/v1/status', inferenceStatus, { deadline: statusDeadline }),
  );
  const states = new Map<number, ChallengerState[]>();
  // What an instance that is away does not say is not known.
  for (const answer of await Promise.allSettled(asked)) {
    const known = answer.status === 'fulfilled' ? answer.value.challengers : [];
    for (const { model: of, version, state, error } of known)
      if (of === model) states.set(version, [...(states.get(version) ?? []), { state, error }]);
  }
  return states;
}
