/** The address of the built sprite, put in by build.mjs. */
declare const ICONS: string;
