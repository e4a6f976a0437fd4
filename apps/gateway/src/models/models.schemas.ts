import { z } from 'zod';

const stage = z.enum(['none', 'staging', 'production', 'archived']);
const instantText = z.iso.datetime({ offset: true });

const serving = z.looseObject({ version: z.number().int(), epoch: z.number().int(), since: instantText.nullish() });

const challenger = z.looseObject({
  version: z.number().int(),
  role: z.enum(['shadow', 'canary']),
  share: z.number().describe('Share of the texts a canary answers; 0 for a shadow.'),
  since: instantText,
});

const version = z.looseObject({
  version: z.number().int(),
  stage,
  createdAt: instantText,
  digest: z.string(),
  metrics: z.record(z.string(), z.number()),
});

const model = z.looseObject({
  model: z.string(),
  labels: z.array(z.string()),
  serving: serving.nullable(),
  challengers: z.array(challenger),
  versions: z.array(version),
});

/** What the registry says; it may say more than is named here. */
export const modelOutput = model.meta({ id: 'Model' });
export const versionOutput = version.meta({ id: 'Version' });
export const modelsOutput = z.looseObject({ models: z.array(model) }).meta({ id: 'Models' });
export const versionsOutput = z.looseObject({ versions: z.array(version) }).meta({ id: 'Versions' });
export const runsOutput = z.looseObject({}).meta({ id: 'Runs' });
export const datasetOutput = z
  .looseObject({ digest: z.string(), texts: z.number().int(), labels: z.array(z.string()) })
  .meta({ id: 'Dataset' });
export const followOutput = z
  .looseObject({ id: z.string().describe('Follow it in runs, events and decisions.') })
  .meta({ id: 'Follow' });

const count = z.number().int();
const discordant = z.object({ onlyChampionRight: count, onlyChallengerRight: count });
export const comparisonsOutput = z
  .looseObject({
    items: z.array(
      z.looseObject({
        epoch: count,
        champion: count,
        challenger: count,
        instances: z
          .array(z.looseObject({ state: z.enum(['answering', 'loading', 'failed']), error: z.string().nullable() }))
          .describe(
            'How the challenger is in each instance of inference that answers; empty when it is not tried now.',
          ),
        labels: count.describe('Labelled texts that both answered.'),
        onlyChampionRight: count,
        onlyChallengerRight: count,
        shownByChampion: discordant.describe('Those to which the answer of the champion was given.'),
        shownByChallenger: discordant.describe('Those to which the answer of the challenger was given, as canary.'),
        evidenceOfBetter: z.number().describe('Of a canary; that of a shadow is at most 1.'),
        evidenceOfWorse: z.number(),
        decisiveEvidence: z.number().describe('Evidence at which a canary is decided about.'),
      }),
    ),
  })
  .meta({ id: 'Comparisons' });

export const bundleOutput = z
  .looseObject({
    digest: z.string(),
    files: z.array(z.object({ path: z.string(), sha256: z.string(), bytes: z.number().int() })),
  })
  .meta({ id: 'Bundle' });

export const importOutput = z
  .looseObject({ model: z.string(), version: z.number().int(), digest: z.string(), labels: z.array(z.string()) })
  .meta({ id: 'Imported' });

export const uploadQuery = z.object({
  by: z.string().optional().describe('Who.'),
  reason: z.string().optional().describe('Why, in a sentence; kept in the audit.'),
});

export const retrainingInput = z
  .object({
    dataset: z.string().optional().describe('Digest of an uploaded labelled data set.'),
    reason: z.string().optional().describe('Why, in a sentence.'),
    encoder: z
      .string()
      .optional()
      .describe('Frozen encoder to train a head on; default: that of the version that serves.'),
    requestedBy: z.string().optional().describe('Who asks.'),
  })
  .meta({ id: 'RetrainingInput' });

export const transitionInput = z
  .object({
    reason: z.string().optional().describe('Why, in a sentence; kept in the audit.'),
    by: z.string().optional().describe('Who.'),
  })
  .meta({ id: 'TransitionInput' });

export const withdrawInput = transitionInput
  .extend({ role: z.enum(['shadow', 'canary']).optional().describe('Only if it is tried in this role.') })
  .meta({ id: 'WithdrawInput' });

export const canaryInput = z
  .object({
    share: z.number().describe('Share of the texts it answers, above 0 and up to 0.5.'),
    reason: z.string().optional(),
    by: z.string().optional(),
  })
  .meta({ id: 'CanaryInput' });

export const rollbackInput = z
  .object({
    to: z.number().int().min(1).optional().describe('Version to go back to; absent: the one that served before.'),
    reason: z.string().optional(),
    by: z.string().optional(),
  })
  .meta({ id: 'RollbackInput' });
