/** Who may do what, in the words of the start: one sentence, and whether it must be loud. */
import type { Config } from '../config/config.ts'

export interface Rights {
  /** Nobody is asked who they are. */
  readonly isOpen: boolean
  readonly sentence: string
}

export function describeRights({ auth, storage }: Pick<Config, 'auth' | 'storage'>): Rights {
  const everything = allowed(storage)
  switch (auth.kind) {
    case 'open':
      return { isOpen: true, sentence: `anybody may ${everything}, without a login` }
    case 'silly':
      return {
        isOpen: true,
        sentence: `whoever sends any Authorization header may ${everything} (auth.silly is for trying out clients)`,
      }
    case 'htpasswd':
      return { isOpen: false, sentence: `every user in ${auth.path} may ${everything}` }
    case 'token':
      return {
        isOpen: false,
        sentence: `whoever brings a token of ${auth.issuer} may do what it says`,
      }
  }
}

function allowed({ readOnly, deleteEnabled }: Config['storage']): string {
  if (readOnly) return 'pull'
  return deleteEnabled ? 'pull, push, overwrite and delete' : 'pull, push and overwrite'
}
