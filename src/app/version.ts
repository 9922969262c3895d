/** Which version of Berth this is. */
import { version } from '../../package.json'

export const VERSION: string = version
