import type { ShownElsewhere } from './shown-elsewhere.ts'

const BUILT = {
  file: 'src/config/build-scrub.test.ts',
  title: 'scrubbing takes its times from the settings',
}

export const SCRUB_ELSEWHERE: readonly ShownElsewhere[] = [
  { key: 'berth.scrub.every', ...BUILT, by: 'BERTH_SCRUB_EVERY' },
  { key: 'berth.scrub.rate', ...BUILT, by: 'BERTH_SCRUB_RATE' },
]
