/** The write with which a database is built anew from the link tree. */
import { command } from '../../metadata/database.ts'
import { forgetTreeFacts } from '../../metadata/rebuild.ts'

/** Until the tree has been gone through afterwards, by this process or by the next server, the tree is read through. */
export const forgetTreeFactsCommand = command('tree.forget', (tx, _: null) => forgetTreeFacts(tx))
