import { defineErrors } from '#libs/platform';

export const retrainingError = defineErrors({
  SCHEDULE_UNREADABLE: {
    message: 'retraining.triggers.schedule is no cron expression; every Monday at 03:00 UTC is "0 3 * * 1"',
    retriable: false,
  },
  ENCODER_UNREACHABLE: {
    message: 'the encoder is not here and could not be fetched; when it can be, ask for the training again',
    retriable: false,
  },
  TRAINING_REFUSED: { message: 'the labelled texts cannot be trained on', retriable: false },
  TRAINING_FAILED: { message: 'the trainer process ended before it was done', retriable: false },
  VERSION_LOST: { message: 'the version that was registered cannot be found any more', retriable: false },
  NOTHING_TO_EVALUATE: {
    message: 'no labelled text is held out, so a version could not be evaluated; label more texts of more groups',
    retriable: false,
  },
});
