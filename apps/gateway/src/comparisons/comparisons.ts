import { type ClickHouse, type PairedAnswers, pairedAnswers } from '#libs/clickhouse';
import { canaryTrial } from '#libs/evaluation';
import type { Configuration } from '#libs/platform';
import type { Upstream } from '../edge/upstream.ts';
import type { Registry } from '../models/registry.ts';
import { type ChallengerState, challengerStates } from './challenger-states.ts';

/** A challenger beside the champion of an epoch, on the labels of texts that both answered. */
export interface Comparison extends PairedAnswers {
  epoch: number;
  champion: number;
  challenger: number;
  /** Of a challenger that is tried now; null: of any that has been. */
  role: string | null;
  share: number | null;
  since: string | null;
  /** How it is in each instance of inference that answers; none for one that is not tried now. */
  instances: ChallengerState[];
  /** At most 1 of a shadow: nobody has been shown its answers. */
  evidenceOfBetter: number;
  evidenceOfWorse: number;
  /** Evidence at which a canary is decided about. */
  decisiveEvidence: number;
  minimumLabels: number;
}

/** Every label there is. */
const endOfTime = 9_000_000_000_000;

/** How challengers do, by what ClickHouse holds. */
export class Comparisons {
  readonly #clickhouse: ClickHouse;
  readonly #registry: Pick<Registry, 'model'>;
  readonly #inference: Upstream;
  readonly #options: Configuration['retraining']['canary'];

  constructor(
    clickhouse: ClickHouse,
    { registry, inference }: { registry: Pick<Registry, 'model'>; inference: Upstream },
    options: Configuration['retraining']['canary'],
  ) {
    this.#clickhouse = clickhouse;
    this.#registry = registry;
    this.#inference = inference;
    this.#options = options;
  }

  /** Those that are tried now, since they are. */
  async current(model: string): Promise<Comparison[]> {
    const { serving, challengers } = await this.#registry.model(model);
    if (serving === null || serving === undefined || challengers.length === 0) return [];
    const { version: champion, epoch } = serving;
    const states = await challengerStates(this.#inference, model);
    return Promise.all(
      challengers.map(({ version: challenger, role, share, since }) =>
        this.#compare(
          { model, epoch, champion, challenger },
          { role, share, since, instances: states.get(challenger) ?? [] },
        ),
      ),
    );
  }

  /** Of two versions, in every epoch in which one was tried beside the other. */
  async between(model: string, versions: readonly [number, number]): Promise<Comparison[]> {
    const epochs = await this.#clickhouse.query<{ epoch: number; version: number }>(
      `SELECT epoch, version FROM serving_epochs
       WHERE model = {model:String} AND has({versions:Array(Int32)}, version) ORDER BY epoch DESC`,
      { model, versions },
    );
    const compared = await Promise.all(
      epochs.map(({ epoch, version: champion }) => {
        const challenger = champion === versions[0] ? versions[1] : versions[0];
        return this.#compare({ model, epoch, champion, challenger });
      }),
    );
    return compared.filter(({ labels }) => labels > 0);
  }

  async #compare(
    pair: { model: string; epoch: number; champion: number; challenger: number },
    trial?: Pick<Comparison, 'instances'> & { role: string; share: number; since: string },
  ): Promise<Comparison> {
    const { significance, minimumLabels, maximumLabels } = this.#options;
    const since = trial === undefined ? 0 : Date.parse(trial.since);
    const answers = await pairedAnswers(this.#clickhouse, { ...pair, since, until: endOfTime });
    const { evidenceOfBetter, evidenceOfWorse } = canaryTrial(answers, {
      errorRate: significance,
      minimumLabels,
      maximumLabels,
    });
    const { epoch, champion, challenger } = pair;
    const notTried = { role: null, share: null, since: null, instances: [] };
    return {
      epoch,
      champion,
      challenger,
      ...(trial ?? notTried),
      ...answers,
      evidenceOfBetter,
      evidenceOfWorse,
      decisiveEvidence: 1 / significance,
      minimumLabels,
    };
  }
}
