// From docs/openapi.json by `npm run api`. Not to be edited.

export interface paths {
    "/.well-known/storewarden/peer": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * How this Storewarden is, for another one that watches it.
         * @description Reached through the edge, by any host of any shop, when the configuration has a `[[peer]]`.
         */
        get: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["PeerAnswer"];
                    };
                };
                401: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
                403: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
                /** @description `control_away`: only the edge is there */
                503: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/backups": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** How it stands with the backups of every shop that the caller may see. */
        get: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["BackupsStanding"];
                    };
                };
                401: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/checks": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** How it stands with what is tried from outside, of every shop that the caller may see, and of the machine for who may see all. */
        get: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ChecksStanding"];
                    };
                };
                401: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/configuration": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The text of the configuration that is in force. To change it, ask for a plan. */
        get: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ConfigurationText"];
                    };
                };
                401: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/health": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Whether control answers; needs no sign-in. */
        get: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Health"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/heartbeats/{name}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** A job reports that it succeeded, to the check with `heartbeat` of that name. It is on disk when the answer says so. */
        post: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    /** @description The check's name */
                    name: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description It is known */
                204: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content?: never;
                };
                401: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
                403: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
                /** @description No check with `heartbeat` has this name */
                404: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/heartbeats/{name}/{signal}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** A job reports that it begins (`start`), that it failed (`fail`), or how it ended, by its exit code. */
        post: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    /** @description The check's name */
                    name: string;
                    /** @description `start`, `fail`, or an exit code from 0 to 255 */
                    signal: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description It is known */
                204: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content?: never;
                };
                401: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
                403: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
                /** @description No check with `heartbeat` has this name, or there is no such signal */
                404: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/incidents": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Incidents, the newest first. */
        get: {
            parameters: {
                query?: {
                    /** @description Of this shop only */
                    shop?: string;
                    /** @description `open`, `acknowledged` or `resolved` */
                    state?: string;
                    /** @description Older than the incident of this id */
                    before?: number;
                    /** @description 1 to 200; 50 when not given */
                    limit?: number;
                };
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["IncidentPage"];
                    };
                };
                401: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
                404: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/incidents/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** An incident with all that happened in it. */
        get: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    /** @description The incident's id */
                    id: number;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["IncidentWhole"];
                    };
                };
                401: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
                404: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/incidents/{id}/acknowledge": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Say that one knows: nobody else is told for now. */
        post: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    /** @description The incident's id */
                    id: number;
                };
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": components["schemas"]["AcknowledgeBody"];
                };
            };
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["IncidentView"];
                    };
                };
                401: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
                403: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
                404: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
                /** @description It is resolved */
                409: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/incidents/{id}/note": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Note something that is known of it. */
        post: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    /** @description The incident's id */
                    id: number;
                };
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": components["schemas"]["TextBody"];
                };
            };
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["IncidentView"];
                    };
                };
                401: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
                403: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
                404: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
                /** @description There is no text */
                422: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/incidents/{id}/own": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Say who looks after it. */
        post: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    /** @description The incident's id */
                    id: number;
                };
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": components["schemas"]["OwnBody"];
                };
            };
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["IncidentView"];
                    };
                };
                401: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
                403: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
                404: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/incidents/{id}/reopen": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Open a resolved incident again; people are told again. */
        post: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    /** @description The incident's id */
                    id: number;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["IncidentView"];
                    };
                };
                401: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
                403: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
                404: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
                /** @description It is not resolved */
                409: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/incidents/{id}/resolve": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Close it, and say how it was resolved. What still fires opens no other one until it was gone. */
        post: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    /** @description The incident's id */
                    id: number;
                };
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": components["schemas"]["TextBody"];
                };
            };
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["IncidentView"];
                    };
                };
                401: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
                403: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
                404: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
                /** @description It is resolved already */
                409: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
                /** @description There is no text */
                422: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/invitations/accept": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Choose a password and sign in with it. */
        post: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": components["schemas"]["Accept"];
                };
            };
            responses: {
                /** @description Signed in; the cookie is set */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["SignedIn"];
                    };
                };
                /** @description It was used, replaced, or has run out */
                404: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
                /** @description The password is too short */
                422: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/invitations/look": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Say who is invited, so that the page can greet them. Uses nothing up. */
        post: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": components["schemas"]["Look"];
                };
            };
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Invited"];
                    };
                };
                /** @description It was used, replaced, or has run out */
                404: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/ledger": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * What was done, by whom, and whether that holds. Whoever reads of some shops only is shown
         *     their records.
         */
        get: {
            parameters: {
                query?: {
                    /** @description Of this shop only */
                    shop?: string;
                    /** @description Of this kind only */
                    kind?: string;
                    /** @description Done by them only */
                    actor?: string;
                    /** @description Older than the record of this sequence */
                    before?: number;
                    /** @description 1 to 200; 50 when not given */
                    limit?: number;
                };
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["LedgerView"];
                    };
                };
                401: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
                403: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
                404: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/me": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Who am I, and what may I do. */
        get: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Me"];
                    };
                };
                401: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/me/password": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Change one's password. Every other session of the person ends. */
        post: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": components["schemas"]["NewPassword"];
                };
            };
            responses: {
                /** @description It is changed */
                204: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content?: never;
                };
                /** @description The current one is `wrong` */
                401: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
                /** @description The new one is too short */
                422: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/me/recovery-codes": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Make ten new recovery codes; those before are good no more. */
        post: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": components["schemas"]["Confirmation"];
                };
            };
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["RecoveryCodes"];
                    };
                };
                /** @description The password is `wrong` */
                401: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
                /** @description There is no second factor */
                409: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/me/second-factor/begin": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Begin to set up a second factor; one that is in force stays so until the new one is confirmed. */
        post: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": components["schemas"]["Confirmation"];
                };
            };
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Begun"];
                    };
                };
                /** @description The password is `wrong` */
                401: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/me/second-factor/confirm": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Put the second factor in force, by a first code. */
        post: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": components["schemas"]["Code"];
                };
            };
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["RecoveryCodes"];
                    };
                };
                /** @description The code is `wrong` */
                401: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
                /** @description None was begun */
                409: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/me/second-factor/remove": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Take the second factor away. */
        post: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": components["schemas"]["Confirmation"];
                };
            };
            responses: {
                /** @description It is gone, and the recovery codes with it */
                204: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content?: never;
                };
                /** @description The password is `wrong` */
                401: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/notify": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The routes by which people are told, and how each fares. */
        get: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["NotifyRoutes"];
                    };
                };
                401: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/notify/test": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Send a test by a route, now and once; the answer says whether the other side took it. */
        post: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": components["schemas"]["TestBody"];
                };
            };
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["NotifyRoutes"];
                    };
                };
                401: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
                403: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
                404: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
                /** @description It did not arrive, and why */
                422: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/openapi.json": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** This document. */
        get: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description OpenAPI 3.1 */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content?: never;
                };
                401: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/peers": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The Storewardens that this one asks, and the pages that it looks at. */
        get: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["PeersStanding"];
                    };
                };
                401: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
                403: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/people": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Everybody who may sign in, by id. */
        get: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["People"];
                    };
                };
                401: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
                403: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        put?: never;
        /** Add somebody, and invite them. */
        post: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": components["schemas"]["PersonWish"];
                };
            };
            responses: {
                201: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Added"];
                    };
                };
                401: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
                403: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
                /** @description `taken`: the id or the address */
                409: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
                422: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/people/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /**
         * Remove somebody, with their sessions. What they did stays in the ledger, and who it was is
         *     forgotten there.
         */
        delete: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    /** @description The person's id */
                    id: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description They are gone */
                204: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content?: never;
                };
                401: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
                403: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
                404: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
                /** @description `last_owner` */
                409: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        options?: never;
        head?: never;
        /** Change somebody's name, address or roles. */
        patch: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    /** @description The person's id */
                    id: string;
                };
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": components["schemas"]["PersonChangeWish"];
                };
            };
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Person"];
                    };
                };
                401: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
                403: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
                404: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
                /** @description `taken`, or `last_owner` */
                409: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        trace?: never;
    };
    "/api/v1/people/{id}/invite": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Make an invitation; the one before is good no more. */
        post: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    /** @description The person's id */
                    id: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Invitation"];
                    };
                };
                401: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
                403: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
                404: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/people/{id}/reset": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Take away password, second factor and sessions, and invite anew: for somebody who lost them, or
         *     whose they are no longer alone.
         */
        post: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    /** @description The person's id */
                    id: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Invitation"];
                    };
                };
                401: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
                403: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
                404: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/plans": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** What a plan would do, and what stands in its way. Nothing is started. */
        post: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": components["schemas"]["WishBody"];
                };
            };
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["PreviewView"];
                    };
                };
                401: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
                403: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
                /** @description It cannot be done as things are */
                422: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/reload": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Read the configuration file again.
         * @description A file that says something new is taken over by a run, which can be undone and stands in the
         *     ledger; one that does not is read all the same, for the files that it names.
         */
        post: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Reloaded"];
                    };
                };
                401: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
                /** @description The file is not valid; nothing changed */
                422: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/runs": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Runs, the newest first. */
        get: {
            parameters: {
                query?: {
                    /** @description Of this shop only */
                    shop?: string;
                    /** @description In this state; `open`: not over */
                    state?: string;
                    /** @description Older than the run of this id */
                    before?: number;
                    /** @description 1 to 200; 50 when not given */
                    limit?: number;
                };
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["RunsView"];
                    };
                };
                401: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        put?: never;
        /** Start what was previewed. */
        post: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": components["schemas"]["StartBody"];
                };
            };
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["RunView"];
                    };
                };
                401: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
                /** @description The preview is too old: make it again */
                404: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
                /** @description Things have changed since: make it again */
                422: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/runs/events": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * What happens to runs, as it happens (server-sent events): `run` with the whole run on every
         *     change of its state, `progress`, `line`, and `reset` when some were missed.
         */
        get: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description A stream of events */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "text/event-stream": components["schemas"]["RunView"];
                    };
                };
                401: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/runs/{run}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** A run with its steps. */
        get: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    /** @description The run's id */
                    run: number;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["RunView"];
                    };
                };
                401: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
                404: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/runs/{run}/log": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** What a run said while it worked. */
        get: {
            parameters: {
                query?: {
                    /** @description The byte to begin with: an answer's `next` */
                    from?: number;
                };
                header?: never;
                path: {
                    /** @description The run's id */
                    run: number;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["LogView"];
                    };
                };
                401: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
                404: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/runs/{run}/{deed}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Decide on a run, or steer it: `approve`, `hurry` (begin outside its window), `cancel`, `undo`,
         *     `retry`, `declare-done`, `declare-not-done` and `give-up` (of one that is stuck).
         */
        post: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    /** @description The run's id */
                    run: number;
                    /** @description What to do: one of the run's `may`, with hyphens */
                    deed: string;
                };
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": components["schemas"]["ReasonBody"];
                };
            };
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["RunView"];
                    };
                };
                401: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
                403: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
                404: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
                /** @description Not as the run stands now */
                409: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/services": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** How it stands with databases, caches and queues, of every shop that the caller may see, and of the machine for who may see all. */
        get: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ServicesStanding"];
                    };
                };
                401: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/sessions": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Sessions, the youngest first. */
        get: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    /** @description Somebody else's id, for those who may see people; without it, oneself. */
                    person: string | null;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Sessions"];
                    };
                };
                401: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
                403: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        /** End all sessions of oneself but this one. */
        delete: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description They have ended */
                204: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content?: never;
                };
                401: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
                403: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/sessions/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /** End a session: one's own, or anybody's for those who manage people. */
        delete: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    /** @description The session's id */
                    id: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description It has ended */
                204: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content?: never;
                };
                401: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
                404: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/shops": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The shops of this machine that the caller may see, in the configuration's order. */
        get: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Shops"];
                    };
                };
                401: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/shops/{shop}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** A shop whole, with its history. */
        get: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    /** @description The shop's id */
                    shop: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ShopState"];
                    };
                };
                401: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
                404: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/shops/{shop}/backups": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Every backup of a shop, the newest first. */
        get: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    /** @description The shop's id */
                    shop: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Snapshots"];
                    };
                };
                401: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
                404: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
                /** @description It is not backed up */
                422: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/shops/{shop}/backups/kept": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * What restores in place have put aside, databases and rows, the oldest first. Each goes by a plan of its
         *     own, `remove_aside`, when somebody says so or it was kept for long enough.
         */
        get: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    /** @description The shop's id */
                    shop: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["KeptAside"];
                    };
                };
                401: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
                404: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
                /** @description It is not backed up, or its database does not answer */
                422: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/shops/{shop}/backups/sheet": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Make a recovery sheet: a phrase that opens all backups of a shop, besides what does already.
         * @description It is said this once, and kept nowhere. Every call makes another one; those before stay good.
         */
        post: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    /** @description The shop's id */
                    shop: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["RecoverySheet"];
                    };
                };
                401: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
                404: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
                /** @description It is not backed up, or no repository can be opened */
                422: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/shops/{shop}/backups/{snapshot}/files": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** What lies in a folder of a backup. */
        get: {
            parameters: {
                query?: {
                    /** @description The folder, from the root: `/` unless told */
                    path?: string;
                    /** @description Entries to leave out, from the first on: at most 5,000 are told at once */
                    skip?: number;
                };
                header?: never;
                path: {
                    /** @description The shop's id */
                    shop: string;
                    /** @description The backup's id, or how it begins; `latest` */
                    snapshot: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["SnapshotFolder"];
                    };
                };
                401: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
                404: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
                /** @description There is no such backup or folder, or it cannot be read */
                422: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/shops/{shop}/database": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * How a shop's database stands, as it was last looked at.
         * @description Every minute it is seen who waits, every hour all of it.
         */
        get: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    /** @description The shop's id */
                    shop: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ShopDatabase"];
                    };
                };
                401: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
                404: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/shops/{shop}/database/examine": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Look at all of a shop's database now. */
        post: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    /** @description The shop's id */
                    shop: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ShopDatabase"];
                    };
                };
                401: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
                404: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
                /** @description The configuration names none */
                422: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/shops/{shop}/events": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * A shop's ticks as they come, one a second (server-sent events).
         * @description Every event `tick` carries its sequence as id. A reader that comes back with `Last-Event-ID`
         *     gets what it missed, or an event `reset` with the whole state when that is no longer there.
         */
        get: {
            parameters: {
                query?: never;
                header?: {
                    /** @description The last sequence that was read */
                    "Last-Event-ID"?: number | null;
                };
                path: {
                    /** @description The shop's id */
                    shop: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description A stream of ticks */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "text/event-stream": components["schemas"]["Tick"];
                    };
                };
                401: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
                404: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/shops/{shop}/history": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * What was measured of a shop and its machine over a time, in even steps.
         * @description Measured is every ten seconds, and kept so for a week; then by the minute for a month, and by ten
         *     minutes for 13 months. A step is as short as the number of points and that allow. Where nothing is
         *     known, its numbers are null.
         */
        get: {
            parameters: {
                query?: {
                    /** @description A day before the end when left out */
                    from_ms?: number;
                    /** @description Now when left out, or when later than now */
                    until_ms?: number;
                    /** @description At most so many of each series: 1 to 1000, 300 when left out */
                    points?: number;
                };
                header?: never;
                path: {
                    /** @description The shop's id */
                    shop: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ShopHistory"];
                    };
                };
                401: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
                404: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
                /** @description No such range, or no such number of points */
                422: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
                /** @description It cannot be read now */
                503: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/shops/{shop}/instances/{instance}/drain": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Send an instance no new requests; those it is answering may end. */
        post: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    /** @description The shop's id */
                    shop: string;
                    /** @description The instance's name */
                    instance: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Instance"];
                    };
                };
                401: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
                404: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/shops/{shop}/instances/{instance}/undrain": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Send a drained instance requests again. */
        post: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    /** @description The shop's id */
                    shop: string;
                    /** @description The instance's name */
                    instance: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Instance"];
                    };
                };
                401: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
                404: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/shops/{shop}/orders/deleted": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Orders that the shop no longer has, as the journal of changes and backups know them.
         * @description Of the last thirty days, unless told.
         */
        post: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    /** @description The shop's id */
                    shop: string;
                };
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": components["schemas"]["DeletedQuestion"];
                };
            };
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["DeletedOrders"];
                    };
                };
                401: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
                403: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
                404: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
                /** @description It is not backed up, or cannot be looked into */
                422: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/shops/{shop}/orders/erasures": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Notes that somebody had their data erased (GDPR, article 17): what tells of them does not come back.
         * @description Kept are a keyed hash of the address and the time. The shop's own rows and its backups stay as they are;
         *     an order or a row that is brought back from a time before comes without what tells of the person.
         */
        post: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    /** @description The shop's id */
                    shop: string;
                };
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": components["schemas"]["ErasureRequest"];
                };
            };
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErasureNoted"];
                    };
                };
                401: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
                403: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
                404: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
                /** @description That is no e-mail address */
                422: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/shops/{shop}/orders/history": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** What became of one order, change by change where the journal has them, else from backup to backup. */
        post: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    /** @description The shop's id */
                    shop: string;
                };
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": components["schemas"]["OrderQuestion"];
                };
            };
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["OrderHistory"];
                    };
                };
                401: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
                403: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
                404: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
                /** @description It is not backed up, or cannot be looked into */
                422: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/shops/{shop}/orders/look": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Orders as they were in a backup, beside what they are.
         * @description By number, by e-mail address, or any row by its table and key. At a time, as the journal of changes has
         *     it to the second where the shop has one, else as in the newest backup of then; without, as it was just
         *     before it went, or in the newest backup that has it.
         */
        post: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    /** @description The shop's id */
                    shop: string;
                };
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": components["schemas"]["OrderQuestion"];
                };
            };
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["OrderLook"];
                    };
                };
                401: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
                403: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
                404: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
                /** @description It is not backed up, or cannot be looked into */
                422: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/shops/{shop}/orders/missing": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Orders that the shop has confirmed to visitors and that its database lacks.
         * @description By the edge's access log, of the last 24 hours unless told: after going back in time, and whenever
         *     something is lost on the way. Payments and confirmations whose path names no order are counted.
         */
        post: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    /** @description The shop's id */
                    shop: string;
                };
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": components["schemas"]["MissingQuestion"];
                };
            };
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["MissingOrders"];
                    };
                };
                401: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
                403: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
                404: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
                /** @description There is no log, or it cannot be looked into */
                422: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/sign-in": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Sign in with a password, and a code where a second factor is set up. */
        post: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": components["schemas"]["SignIn"];
                };
            };
            responses: {
                /** @description Signed in; the cookie is set */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["SignedIn"];
                    };
                };
                /** @description `wrong`, or `second_factor_needed` */
                401: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
                /** @description `throttled`: wait `retry_after_ms` */
                429: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/sign-in-links": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Make a one-time link. Only the command line makes one for another person: an owner invites. */
        post: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: {
                content: {
                    "application/json": components["schemas"]["LinkWish"] | null;
                };
            };
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Link"];
                    };
                };
                401: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
                403: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
                404: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/sign-out": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** End the session of this browser. */
        post: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description Signed out */
                204: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content?: never;
                };
                401: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/silences": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Silences that have not ended. */
        get: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Silences"];
                    };
                };
                401: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        put?: never;
        /** Tell nobody of what it covers until it ends. Incidents are opened all the same. */
        post: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": components["schemas"]["SilenceBody"];
                };
            };
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Silence"];
                    };
                };
                401: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
                403: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
                404: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
                /** @description It ends before it begins, or too late */
                422: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/silences/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /** End a silence before its time. */
        delete: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    /** @description The silence's id */
                    id: number;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description Those that remain */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Silences"];
                    };
                };
                401: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
                403: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
                404: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/status": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The machine with the shops that the caller may see, without their points. */
        get: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Status"];
                    };
                };
                401: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/tokens": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** All tokens, those that have expired included. */
        get: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Tokens"];
                    };
                };
                401: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
                403: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        put?: never;
        /** Make a token. */
        post: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": components["schemas"]["TokenWish"];
                };
            };
            responses: {
                201: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Made"];
                    };
                };
                401: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
                403: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
                /** @description There is no such shop */
                404: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
                /** @description `taken`: there is one of this name */
                409: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
                422: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/tokens/{name}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /** Revoke a token: it is good no more. */
        delete: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    /** @description The token's name */
                    name: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description It is revoked */
                204: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content?: never;
                };
                401: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
                403: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
                404: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/metrics": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * What is measured now of the shops that the caller may see, and of the machine for who may see it, as metrics.
         * @description In Prometheus' text, or as OpenMetrics where `Accept` asks for it. Names, labels and units are those of
         *     docs/formats/history.md. What is not known now is left out.
         */
        get: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description Prometheus' text 0.0.4, or OpenMetrics 1.0 */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "text/plain": string;
                    };
                };
                401: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/prometheus/api/v1/alerts": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** What fires now, as Prometheus tells alerts: a finding each, by its code. */
        get: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description `{status, data: {alerts}}` */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content?: never;
                };
                401: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/prometheus/api/v1/label/{name}/values": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The values of a label, as Prometheus answers. */
        get: {
            parameters: {
                query?: {
                    /** @description Of these selectors' series alone */
                    "match[]"?: string[];
                    start?: string;
                    end?: string;
                    limit?: number;
                };
                header?: never;
                path: {
                    /** @description The label; `__name__` is the metric's name */
                    name: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description `{status, data: [value]}` */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content?: never;
                };
                401: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/prometheus/api/v1/labels": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The names of labels, as Prometheus answers. */
        get: {
            parameters: {
                query?: {
                    /** @description Of these selectors' series alone */
                    "match[]"?: string[];
                    start?: string;
                    end?: string;
                    limit?: number;
                };
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description `{status, data: [name]}` */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content?: never;
                };
                401: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        put?: never;
        /** The names of labels, as Prometheus answers. */
        post: {
            parameters: {
                query?: {
                    /** @description Of these selectors' series alone */
                    "match[]"?: string[];
                    start?: string;
                    end?: string;
                    limit?: number;
                };
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description `{status, data: [name]}` */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content?: never;
                };
                401: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/prometheus/api/v1/metadata": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** What metrics are, as Prometheus answers. */
        get: {
            parameters: {
                query?: {
                    /** @description Of this one alone */
                    metric?: string;
                    limit?: number;
                };
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description `{status, data: {name: [{type, help, unit}]}}` */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content?: never;
                };
                401: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/prometheus/api/v1/query": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** What a query of PromQL comes to at a moment, as Prometheus answers. */
        get: {
            parameters: {
                query: {
                    /** @description PromQL */
                    query: string;
                    /** @description Seconds since 1970 or RFC 3339; now when left out */
                    time?: string;
                    /** @description 30 s when left out, 2 minutes at most */
                    timeout?: string;
                    /** @description So many series at most; 0 is all */
                    limit?: number;
                };
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description `{status, data: {resultType, result}, warnings, infos}` */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content?: never;
                };
                /** @description It is no query */
                400: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content?: never;
                };
                401: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
                /** @description It cannot be evaluated */
                422: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content?: never;
                };
                /** @description It took too long, or the store cannot be read now */
                503: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content?: never;
                };
            };
        };
        put?: never;
        /** What a query of PromQL comes to at a moment, as Prometheus answers. */
        post: {
            parameters: {
                query: {
                    /** @description PromQL */
                    query: string;
                    /** @description Seconds since 1970 or RFC 3339; now when left out */
                    time?: string;
                    /** @description 30 s when left out, 2 minutes at most */
                    timeout?: string;
                    /** @description So many series at most; 0 is all */
                    limit?: number;
                };
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description `{status, data: {resultType, result}, warnings, infos}` */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content?: never;
                };
                /** @description It is no query */
                400: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content?: never;
                };
                401: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
                /** @description It cannot be evaluated */
                422: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content?: never;
                };
                /** @description It took too long, or the store cannot be read now */
                503: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content?: never;
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/prometheus/api/v1/query_exemplars": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Exemplars, of which none are kept. */
        get: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description `{status, data: []}` */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content?: never;
                };
                401: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        put?: never;
        /** Exemplars, of which none are kept. */
        post: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description `{status, data: []}` */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content?: never;
                };
                401: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/prometheus/api/v1/query_range": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * What a query of PromQL comes to over a range, as Prometheus answers. Where samples are not kept any more, it is made of means, extremes
         *     and last values of a minute or ten, and says so.
         */
        get: {
            parameters: {
                query: {
                    /** @description PromQL */
                    query: string;
                    /** @description Seconds since 1970 or RFC 3339 */
                    start: string;
                    /** @description Seconds since 1970 or RFC 3339 */
                    end: string;
                    /** @description Seconds, or such as `1m` */
                    step: string;
                    /** @description 30 s when left out, 2 minutes at most */
                    timeout?: string;
                    /** @description So many series at most; 0 is all */
                    limit?: number;
                };
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description `{status, data: {resultType, result}, warnings, infos}` */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content?: never;
                };
                /** @description It is no query, or no range */
                400: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content?: never;
                };
                401: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
                /** @description It cannot be evaluated */
                422: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content?: never;
                };
                /** @description It took too long, or the store cannot be read now */
                503: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content?: never;
                };
            };
        };
        put?: never;
        /**
         * What a query of PromQL comes to over a range, as Prometheus answers. Where samples are not kept any more, it is made of means, extremes
         *     and last values of a minute or ten, and says so.
         */
        post: {
            parameters: {
                query: {
                    /** @description PromQL */
                    query: string;
                    /** @description Seconds since 1970 or RFC 3339 */
                    start: string;
                    /** @description Seconds since 1970 or RFC 3339 */
                    end: string;
                    /** @description Seconds, or such as `1m` */
                    step: string;
                    /** @description 30 s when left out, 2 minutes at most */
                    timeout?: string;
                    /** @description So many series at most; 0 is all */
                    limit?: number;
                };
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description `{status, data: {resultType, result}, warnings, infos}` */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content?: never;
                };
                /** @description It is no query, or no range */
                400: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content?: never;
                };
                401: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
                /** @description It cannot be evaluated */
                422: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content?: never;
                };
                /** @description It took too long, or the store cannot be read now */
                503: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content?: never;
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/prometheus/api/v1/rules": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The rules that findings become alerts by, as Prometheus tells alerting rules. */
        get: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description `{status, data: {groups}}` */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content?: never;
                };
                401: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/prometheus/api/v1/series": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The series that selectors find within a time, as Prometheus answers. */
        get: {
            parameters: {
                query: {
                    /** @description Selectors, one at least */
                    "match[]": string[];
                    start?: string;
                    end?: string;
                    limit?: number;
                };
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description `{status, data: [labels]}` */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content?: never;
                };
                401: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        put?: never;
        /** The series that selectors find within a time, as Prometheus answers. */
        post: {
            parameters: {
                query: {
                    /** @description Selectors, one at least */
                    "match[]": string[];
                    start?: string;
                    end?: string;
                    limit?: number;
                };
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description `{status, data: [labels]}` */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content?: never;
                };
                401: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/prometheus/api/v1/status/buildinfo": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Which program this is, as Prometheus answers: clients choose by it what they ask for. */
        get: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description `{status, data: {version, application, …}}` */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content?: never;
                };
                401: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/prometheus/api/v1/targets": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** What is fetched from elsewhere, as Prometheus tells its targets. */
        get: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description `{status, data: {activeTargets, droppedTargets}}` */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content?: never;
                };
                401: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/prometheus/api/v1/write": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Samples that a Prometheus has taken, by remote write 1.0 or 2.0. They are on disk when the answer says so. */
        post: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            /** @description Snappy, as remote write has it */
            requestBody: {
                content: {
                    "application/x-protobuf": number[];
                };
            };
            responses: {
                /** @description All of it is on disk */
                204: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content?: never;
                };
                /** @description Some or all of it will never be taken, and why; the rest is on disk */
                400: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content?: never;
                };
                401: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
                /** @description Neither 1.0 nor 2.0 of remote write */
                415: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content?: never;
                };
                /** @description It cannot be taken now: send it again */
                503: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content?: never;
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/sign-in": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Open a one-time link: sets the session cookie and goes to the interface. */
        get: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    /** @description The secret of the link. */
                    token: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description Signed in; the interface is at `/` */
                303: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content?: never;
                };
                /** @description A page that says how to make a new link */
                403: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content?: never;
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
}
export type webhooks = Record<string, never>;
export interface components {
    schemas: {
        Accept: {
            /** @description 12 to 256 characters. */
            password: string;
            token: string;
        };
        AcknowledgeBody: {
            /**
             * Format: int64
             * @description It ends then, and people are told again; without it, when the incident is resolved.
             */
            until_ms?: number | null;
        };
        Acknowledged: {
            /** Format: int64 */
            at_ms: number;
            /** @description `person:ID`, `token:NAME` or `command-line`. */
            by: string;
            /**
             * Format: int64
             * @description Null: until it is resolved.
             */
            until_ms?: number | null;
        };
        Added: {
            invitation: components["schemas"]["Invitation"];
            person: components["schemas"]["Person"];
        };
        /** @description A database that another one took the place of, or rows that were put back over others. */
        AsideRow: {
            /**
             * Format: int64
             * @description Null: the database does not say.
             */
            bytes?: number | null;
            /**
             * Format: int64
             * @description When it is to go by itself; null: not by itself, or not while that change is under way.
             */
            goes_ms?: number | null;
            /** @description `database` or `rows`. */
            kind: string;
            /**
             * @description Of the database or schema, of an SQLite file its path; of rows in SQLite what the names of their
             *     tables begin with.
             */
            name: string;
            /** @description The change that put it aside; null: none that is remembered. */
            run?: string | null;
            /** Format: int64 */
            since_ms: number;
        };
        /** @description One repository. */
        BackupPlace: {
            /**
             * Format: int64
             * @description What it takes, as far as its files were counted.
             */
            bytes?: number | null;
            /**
             * Format: int64
             * @description The last time its data were read again, and how much was found damaged.
             */
            checked_ms?: number | null;
            /** Format: int64 */
            damaged?: number | null;
            /** @description `folder`, `s3` or `sftp`. */
            kind: string;
            /**
             * Format: int64
             * @description When it was last listed.
             */
            looked_ms?: number | null;
            /** Format: int64 */
            newest_ms?: number | null;
            /** @description As the configuration names it, without secrets. */
            place: string;
            /**
             * Format: int64
             * @description Whole backups in it; null: not known.
             */
            snapshots?: number | null;
            trouble?: components["schemas"]["Trouble"] | null;
        };
        /** @description A try to back up. */
        BackupRun: {
            /** Format: int64 */
            ended_ms?: number | null;
            run: string;
            /** @description Of the run: `done`, `failed`, … */
            state: string;
            trouble?: components["schemas"]["Trouble"] | null;
        };
        /** @description One backup in the history of sizes. */
        BackupSize: {
            /**
             * Format: int64
             * @description What it added to the repository.
             */
            added_bytes?: number | null;
            /** Format: int64 */
            at_ms: number;
            /**
             * Format: int64
             * @description Of everything in it.
             */
            bytes?: number | null;
            /** Format: int64 */
            took_ms?: number | null;
        };
        /**
         * @description What is known of a shop's backups now. Unknown is no kind of ok.
         * @enum {string}
         */
        BackupState: "off" | "ok" | "late" | "never" | "failing" | "unknown";
        /** @description How it stands with the backups of all shops. */
        BackupsStanding: {
            /** @description In the configuration's order. */
            shops: components["schemas"]["ShopBackups"][];
        };
        /** @description What an app must be told to make codes. */
        Begun: {
            /** @description The URI as an SVG picture. */
            qr_svg?: string | null;
            /** @description In Base32, for typing. */
            secret: string;
            /** @description `otpauth://totp/…` */
            uri: string;
        };
        /** @description A shop that another web server stands before, as far as that one's access logs tell of it. */
        Beside: {
            /** Format: int64 */
            broken: number;
            /**
             * @description Whether checkouts can be told from other requests: some shops say only in a request's body
             *     what it is for, and no log has that.
             */
            checkouts: boolean;
            /**
             * Format: int64
             * @description Lines read since control started, and those that do not fit the format.
             */
            lines: number;
            logs: components["schemas"]["LogState"][];
            /**
             * @description What its timings are times of: `first_byte` of the application's answer, the `application`'s
             *     whole answer, or the `whole` answer until the visitor had it; null when its lines have none.
             */
            timing?: string | null;
            /** @description Whether its lines say who came. */
            visitors: boolean;
        };
        Cache: {
            /** Format: int64 */
            bytes?: number | null;
            /** Format: int64 */
            entries?: number | null;
            /** Format: double */
            hits_per_second: number;
            /**
             * Format: double
             * @description Of all requests.
             */
            share?: number | null;
        };
        /** @description Why a run is not, or did not end, as planned. */
        CauseView: {
            by?: string | null;
            code: string;
            /** @description In the words of whoever acted. */
            message?: string | null;
            reason?: components["schemas"]["Message"] | null;
            step?: number | null;
        };
        /** @description What a step saw, with passwords, tokens, cookies and addresses struck out. */
        CheckEvidence: {
            /** @description The first KiB. */
            body: string;
            /** Format: int32 */
            http_status?: number | null;
            step: string;
        };
        /** @description One phase of a try. */
        CheckPhase: {
            /** @description `resolve`, `connect`, `tls`, `processing` or `transfer`. */
            phase: string;
            /** Format: double */
            took_ms: number;
        };
        /** @description An order that is none of a customer's. */
        CheckPlaced: {
            is_cancelled: boolean;
            /** @description As the shop calls it; null: it did not say, and whether there is one is not known. */
            order?: string | null;
        };
        /** @description One try of the past. */
        CheckPoint: {
            /** Format: int64 */
            at_ms: number;
            state: components["schemas"]["CheckState"];
            /** Format: double */
            took_ms: number;
        };
        /** @description Why a try was not as it should be: docs/checks.md lists the codes. */
        CheckReason: {
            code: string;
            params: components["schemas"]["Params"];
        };
        /** @description One check. */
        CheckStanding: {
            /** @description The address that was connected to last. */
            address?: string | null;
            /**
             * Format: int64
             * @description When the first certificate of the chain ends, of the last connection over TLS.
             */
            certificate_ends_ms?: number | null;
            /**
             * Format: int64
             * @description How often it is tried, or a job has to report.
             */
            every_ms: number;
            evidence?: components["schemas"]["CheckEvidence"] | null;
            /**
             * Format: int32
             * @description Tries that failed one after the other, and after how many people are told.
             */
            failures: number;
            /** Format: int32 */
            failures_until_told: number;
            /**
             * Format: int32
             * @description Of the last answer.
             */
            http_status?: number | null;
            /** @description `http`, `tcp`, `ping`, `dns`, `domain`, `spf`, `dkim`, `dmarc`, `unlisted`, `journey` or `heartbeat`. */
            kind: string;
            name: string;
            /** @description Of the last try, in their order; with redirects, the sum over all requests. */
            phases: components["schemas"]["CheckPhase"][];
            /** @description What is tried, such as scheme, host and port: the rest of an address may hold a secret. */
            place: string;
            placed?: components["schemas"]["CheckPlaced"] | null;
            reason?: components["schemas"]["CheckReason"] | null;
            /** @description The last tries, the oldest first. */
            recent: components["schemas"]["CheckPoint"][];
            /** @description Whom it concerns; null: the machine. */
            shop?: string | null;
            /**
             * Format: int64
             * @description Since when its state is what it is.
             */
            since_ms: number;
            state: components["schemas"]["CheckState"];
            /** @description Of a journey: the steps that were taken last, in their order. */
            steps: components["schemas"]["CheckStep"][];
            /**
             * Format: double
             * @description How long the last try took.
             */
            took_ms?: number | null;
            /**
             * Format: int64
             * @description When it was last tried; null: not yet.
             */
            tried_ms?: number | null;
        };
        /**
         * @description What is known of a check now. Unknown is no kind of ok.
         * @enum {string}
         */
        CheckState: "unknown" | "ok" | "failing";
        /** @description One step of a journey, as it went. */
        CheckStep: {
            /**
             * Format: int32
             * @description Of its last answer.
             */
            http_status?: number | null;
            state: components["schemas"]["CheckState"];
            step: string;
            /**
             * Format: double
             * @description With all its redirects.
             */
            took_ms: number;
        };
        CheckpointView: {
            /** Format: int64 */
            at_ms: number;
            hash: string;
            sent: components["schemas"]["SentView"][];
            /**
             * Format: int64
             * @description Of the last record that it covers.
             */
            sequence: number;
        };
        /** @description All of them, in the configuration's order. */
        ChecksStanding: {
            checks: components["schemas"]["CheckStanding"][];
        };
        Code: {
            /** @description Six digits. */
            code: string;
        };
        /** @description Something that must hold before an act. */
        ConditionView: {
            code: string;
            /** @description `yes`, `no` or `unknown`. */
            holds: string;
            params: {
                [key: string]: unknown;
            };
        };
        /** @description A file of the configuration. */
        ConfigurationFile: {
            /** @description From the folder of the first, or whole; `null`: the file itself. */
            path?: string | null;
            text: string;
        };
        /** @description The configuration as it is. */
        ConfigurationText: {
            /** @description The same file by file, the file itself first. */
            files: components["schemas"]["ConfigurationFile"][];
            /**
             * @description The patterns by which it includes files, from the folder of the first: a new file must fit
             *     one.
             */
            includes: string[];
            /** @description The file it was read from. */
            path: string;
            /**
             * @description The text that is in force, whatever stands in the file by now; behind it that of the files
             *     which it includes.
             */
            text: string;
            /**
             * Format: int64
             * @description Of the snapshot that the edge was given.
             */
            version: number;
        };
        Confirmation: {
            /** @description Not asked of those who have none. */
            password?: string | null;
        };
        /** @description Something that could not be looked at. */
        DatabaseBlind: {
            /** @description What would open the eyes. */
            mend: string;
            /** @description `queries`, `sessions`, `index_use` or `replication`. */
            what: string;
        };
        /** @description Something that is not well. */
        DatabaseFinding: {
            /** @description What takes that back. */
            back?: string | null;
            /** @description Whether a plan can mend it (`mend_database`). */
            by_plan: boolean;
            /** @description Names the message. */
            code: string;
            /** @description `missing_index:public.customer(email)`: by it a plan to mend it is asked for. */
            id: string;
            params: {
                [key: string]: unknown;
            };
            /** @description Whether it holds only after a restart of the server. */
            restart: boolean;
            /** @description What mends it, as a person would run it. */
            statement?: string | null;
            /** @description `danger`, `warning` or `advice`. */
            weight: string;
        };
        /** @description A database as it was seen. */
        DatabaseLook: {
            /** @description What could not be looked at. */
            blind: components["schemas"]["DatabaseBlind"][];
            /**
             * Format: double
             * @description The share of reads that needed no disk, 0..1; null before the first.
             */
            cache_share?: number | null;
            /**
             * Format: int64
             * @description Null where there are none (SQLite).
             */
            connections?: number | null;
            /** Format: int64 */
            connections_most?: number | null;
            /**
             * Format: int64
             * @description For how long its counters have counted.
             */
            counted_s?: number | null;
            /** @description The worst first. */
            findings: components["schemas"]["DatabaseFinding"][];
            /** @description Those that took the most time together first. */
            queries: components["schemas"]["DatabaseQuery"][];
            replicas: components["schemas"]["DatabaseReplica"][];
            /** @description Name and version: `PostgreSQL 15.14`. */
            server: string;
            /** Format: int64 */
            size_bytes: number;
            /** @description The largest first. */
            tables: components["schemas"]["DatabaseTable"][];
            /** Format: int64 */
            up_s?: number | null;
        };
        /** @description Statements of one form, whatever their values. */
        DatabaseQuery: {
            /** Format: int64 */
            calls: number;
            /** Format: double */
            mean_ms: number;
            /** @description As the server explains it for values that it does not know; null: it cannot. */
            plan?: string | null;
            text: string;
            /** Format: double */
            total_ms: number;
        };
        /** @description A server that follows this one, or that this one follows. */
        DatabaseReplica: {
            /** Format: int64 */
            behind_bytes?: number | null;
            /** Format: int64 */
            behind_ms?: number | null;
            name: string;
            /** @description In the server's words. */
            state: string;
        };
        /** @description A database in a backup. */
        DatabaseRow: {
            name: string;
            /** Format: int64 */
            tables?: number | null;
        };
        /**
         * @description What is known of a database. Unknown is no kind of well.
         * @enum {string}
         */
        DatabaseState: "off" | "unknown" | "well" | "advice" | "warning" | "danger";
        /** @description A table. */
        DatabaseTable: {
            /** Format: int64 */
            bytes?: number | null;
            /**
             * Format: int64
             * @description By how much it has grown since `grown_since_ms`, indexes and all; null: that is not known yet.
             */
            grown_bytes?: number | null;
            /** Format: int64 */
            grown_since_ms?: number | null;
            /** Format: int64 */
            index_bytes?: number | null;
            /**
             * Format: int64
             * @description As the server estimates.
             */
            rows?: number | null;
            table: string;
        };
        /** @description One that is gone. */
        DeletedOrder: {
            /**
             * Format: int64
             * @description When it was deleted, by the journal; null: only backups tell of it.
             */
            gone_ms?: number | null;
            key: string;
            /**
             * Format: int64
             * @description The oldest backup behind that one, which lacks it; null: none has come since.
             */
            missed_ms?: number | null;
            numbers: string[];
            /**
             * Format: int64
             * @description When it was there last, as far as is known.
             */
            seen_ms: number;
            /** @description The newest backup that has it; null: the journal tells of it. */
            snapshot?: string | null;
        };
        /** @description Orders that the journal of changes or backups have and the shop no longer has. */
        DeletedOrders: {
            /**
             * Format: int64
             * @description The oldest backup that was looked into; null: there is none.
             */
            back_to_ms?: number | null;
            /** @description Whether every backup of that time was looked into. */
            is_whole: boolean;
            journal?: components["schemas"]["JournalReach"] | null;
            /**
             * Format: int64
             * @description So many more are not told.
             */
            more: number;
            /** @description Those that were there last first. */
            orders: components["schemas"]["DeletedOrder"][];
        };
        /** @description What time deleted orders are asked of; null: the last 30 days, up to now. */
        DeletedQuestion: {
            /**
             * Format: int64
             * @description Unix milliseconds.
             */
            since_ms?: number | null;
            /** Format: int64 */
            until_ms?: number | null;
        };
        Disk: {
            /** Format: int64 */
            free_bytes: number;
            path: string;
            /** Format: int64 */
            total_bytes: number;
        };
        /** @description Who took an instance out, and since when. */
        Drained: {
            /** @description Who did it by hand; `null`: a run did, or it is not known. */
            by?: string | null;
            /** @description The run that will give it requests again. */
            run?: string | null;
            /**
             * Format: int64
             * @description `null`: not known, as of an older program.
             */
            since_ms?: number | null;
        };
        /** @description One thing that a drill looked at. */
        DrillCheck: {
            /** @description `files`, `database`, `changes`, `orders`, `round_trip`, `boot`, `restore_time` or `data_loss`. */
            check: string;
            /** @description What was seen, as a code with parameters. */
            code: string;
            /** @description `passed`, `failed`, `unknown`, or `absent`: there is nothing of the kind. */
            outcome: string;
            params: {
                [key: string]: unknown;
            };
        };
        /** @description A backup that was tried by restoring it. */
        DrillRow: {
            /** Format: int64 */
            at_ms: number;
            /** @description The repository was opened by the phrase of a recovery sheet alone. */
            by_sheet?: boolean;
            /** Format: int64 */
            bytes: number;
            /** Format: int64 */
            changes?: number;
            checks: components["schemas"]["DrillCheck"][];
            /**
             * Format: int64
             * @description When the dump was taken, where that is another backup's.
             */
            dump_ms?: number | null;
            /**
             * Format: int64
             * @description Of the time, what loading the dump took, and what changes took that were made once more.
             */
            load_ms?: number;
            /**
             * Format: int64
             * @description Of how much time everything would have been lost; of a database with a journal, what came after that.
             */
            lost_ms: number;
            /** @description The repository that it was taken from. */
            place: string;
            /** Format: int64 */
            replay_ms?: number;
            /** Format: int64 */
            rows: number;
            /** @description The change that did. */
            run: string;
            /**
             * Format: int32
             * @description 0 to 100; null: there was nothing to look at.
             */
            score?: number | null;
            snapshot: string;
            /** Format: int64 */
            snapshot_ms: number;
            /**
             * Format: int64
             * @description What the restore took.
             */
            took_ms: number;
            /**
             * Format: int64
             * @description The moment that the database was brought to by its journal of changes; null: it was tried as of its
             *     dump.
             */
            until_ms?: number | null;
            /** @description `good`, `short` (whole, and not as fast or new as was agreed), `unknown` or `broken`. */
            verdict: string;
        };
        /** @description What becomes too old first: the files of the newest backup, or how far the database comes back. */
        Due: {
            /**
             * Format: int64
             * @description It must not be older.
             */
            at_most_ms: number;
            /**
             * Format: int64
             * @description The moment that it comes back as of, unix milliseconds.
             */
            at_ms: number;
            of: components["schemas"]["DueOf"];
        };
        /** @enum {string} */
        DueOf: "files" | "database";
        /** @description The data plane as control sees it. */
        Edge: {
            connected: boolean;
            /** Format: int64 */
            connections?: number | null;
            /** Format: int64 */
            facts_at_ms?: number | null;
            pids: number[];
            /** Format: int64 */
            snapshot_version?: number | null;
            /** Format: int64 */
            started_ms?: number | null;
            /** Format: int64 */
            wanted_version: number;
        };
        /** @description That it was noted. */
        ErasureNoted: {
            /** Format: int64 */
            at_ms: number;
            /**
             * Format: int64
             * @description So many people of this shop are noted.
             */
            people: number;
        };
        /** @description Somebody had their data erased (GDPR, article 17). */
        ErasureRequest: {
            /** @description Their e-mail address. It is not kept: a keyed hash of it is. */
            email: string;
        };
        /** @description The body of every error. */
        ErrorBody: {
            error: components["schemas"]["ErrorDetail"];
        };
        ErrorDetail: {
            /** @description Stable, for programs. */
            code: string;
            /** @description Line by line, where there is more to say. */
            details?: string[];
            /** @description For people. */
            message: string;
            reason?: components["schemas"]["Message"] | null;
            /**
             * Format: int64
             * @description How long to wait before trying again, where that is known.
             */
            retry_after_ms?: number | null;
        };
        /** @description A value, then and now; null is the database's NULL, or no row at that time. */
        FieldThenNow: {
            column: string;
            is_other: boolean;
            now?: string | null;
            then?: string | null;
        };
        /** @description A file of the configuration. */
        FileBody: {
            /** @description As the configuration tells it; `null`: the file itself. */
            path?: string | null;
            text: string;
        };
        /** @description Something that wants a person's eye. */
        Finding: {
            code: string;
            /** @description Stable while the same trouble lasts. */
            id: string;
            level: components["schemas"]["Level"];
            params: components["schemas"]["Params"];
            /** Format: int64 */
            since_ms: number;
        };
        /** @description A role, at one shop or at all. */
        GrantBody: {
            /** @description `owner`, `operator`, `developer`, `client` or `auditor`. */
            role: string;
            /** @description `null`: at every shop, and on the machine itself. */
            shop?: string | null;
        };
        Health: {
            ok: boolean;
            version: string;
        };
        /**
         * @description One value for each step in each, the oldest first. Null in all of them: nothing is known of that
         *     step. Columns, since a row for each step would be three times as long on the wire.
         */
        HistoryPoints: {
            max: (number | null)[];
            mean: (number | null)[];
            min: (number | null)[];
        };
        /** @description One thing that is measured. */
        HistorySeries: components["schemas"]["HistoryPoints"] & {
            /** @description As the same thing is called in a shop's points and minutes. */
            name: string;
            /** @description The path of a disk; null of all else. */
            subject?: string | null;
            unit: components["schemas"]["Unit"];
        };
        /** @description Requests that wait: held while no instance is healthy, queued while none has a free place. */
        Hold: {
            /** Format: int64 */
            cart: number;
            /** Format: int64 */
            checkout: number;
            /** Format: int64 */
            expired_total: number;
            /** Format: int64 */
            held: number;
            /** Format: int64 */
            limit: number;
            /** Format: int64 */
            max_wait_ms: number;
            /** Format: int64 */
            oldest_wait_ms?: number | null;
            /** Format: int64 */
            other: number;
            /** Format: int64 */
            queued: number;
            /** Format: int64 */
            refused_total: number;
            /** Format: int64 */
            released_total: number;
        };
        Host: {
            /** Format: double */
            cpu_share?: number | null;
            disks: components["schemas"]["Disk"][];
            /** Format: double */
            load_1?: number | null;
            /** Format: int64 */
            memory_total_bytes?: number | null;
            /** Format: int64 */
            memory_used_bytes?: number | null;
            /** Format: double */
            network_received_bytes_per_second?: number | null;
            /** Format: double */
            network_sent_bytes_per_second?: number | null;
        };
        IncidentFinding: {
            code: string;
            id: string;
            level: components["schemas"]["IncidentLevel"];
            params: Record<string, never>;
            shop?: string | null;
            /** Format: int64 */
            since_ms: number;
            /** @description `firing`, `no_data` (not seen is not gone) or `gone`. */
            state: string;
        };
        /** @enum {string} */
        IncidentLevel: "good" | "unknown" | "attention" | "broken";
        IncidentPage: {
            /** @description The newest first. */
            incidents: components["schemas"]["IncidentView"][];
            /**
             * Format: int64
             * @description To be given as `before` for the next page; null when there is none.
             */
            next?: number | null;
        };
        /** @enum {string} */
        IncidentState: "open" | "acknowledged" | "resolved";
        IncidentView: {
            acknowledged?: components["schemas"]["Acknowledged"] | null;
            /** @description What its findings have in common: `instances`, `errors`, …, or `storm`. */
            cause: string;
            /** @description Of the worst finding, which names the message. */
            code: string;
            /** @description ISO 4217. */
            currency?: string | null;
            /** @description In the order in which they came. */
            findings: components["schemas"]["IncidentFinding"][];
            /** Format: int64 */
            id: number;
            level: components["schemas"]["IncidentLevel"];
            /**
             * Format: int64
             * @description About what it has cost so far; null is unknown.
             */
            lost_minor?: number | null;
            /** Format: int64 */
            opened_ms: number;
            owner?: string | null;
            params: Record<string, never>;
            /** @description How it was resolved, as a person wrote it. */
            resolution?: string | null;
            /** Format: int64 */
            resolved_ms?: number | null;
            /** @description Null: it concerns the machine, or several shops at once. */
            shop?: string | null;
            state: components["schemas"]["IncidentState"];
        };
        /** @description An incident with its timeline. */
        IncidentWhole: components["schemas"]["IncidentView"] & {
            /** @description The oldest first. */
            timeline: components["schemas"]["TimelineEntry"][];
        };
        /**
         * @description One running copy of the shop's application. While the edge is away its numbers are the last
         *     known ones, its health is `unknown` and its timings are null.
         */
        Instance: {
            address: string;
            /** Format: double */
            connect_p95_ms?: number | null;
            drained?: components["schemas"]["Drained"] | null;
            /** Format: double */
            errors_per_second?: number | null;
            health: components["schemas"]["Health"];
            /**
             * Format: int64
             * @description Null where Storewarden is beside the shop.
             */
            in_flight?: number | null;
            last_error?: string | null;
            /**
             * Format: int64
             * @description Most requests at once; null where Storewarden is beside the shop.
             */
            limit?: number | null;
            name: string;
            /** Format: double */
            p50_ms?: number | null;
            /** Format: double */
            p95_ms?: number | null;
            /**
             * Format: double
             * @description Null where a log does not say who answered.
             */
            requests_per_second?: number | null;
            /**
             * Format: int64
             * @description Since the edge started; null where Storewarden is beside the shop.
             */
            requests_total?: number | null;
            /**
             * Format: int64
             * @description Since when its health is what it is.
             */
            since_ms: number;
            /** Format: int32 */
            weight: number;
        };
        Invitation: {
            /** Format: int64 */
            expires_ms: number;
            /** @description To be given to the person, and to nobody else. */
            url: string;
        };
        /** @description Who is invited. */
        Invited: {
            id: string;
            name: string;
        };
        /** @description How far the journal of a shop's changes reaches that an answer is told from. */
        JournalReach: {
            /** @description Why it could not be looked into: only backups tell then. */
            error?: string | null;
            /**
             * Format: int64
             * @description Any second since then can be asked for; null: none yet.
             */
            from_ms?: number | null;
            /** Format: int64 */
            until_ms?: number | null;
        };
        /** @description What restores in place have put aside, and is still there. */
        KeptAside: {
            /** @description The oldest first. */
            kept: components["schemas"]["AsideRow"][];
        };
        LastNotice: {
            /** Format: int64 */
            at_ms: number;
            error?: string | null;
            /** @description The other side took it; else it was given up. */
            sent: boolean;
        };
        LedgerRecordView: {
            /**
             * @description `person:ID`, `token:NAME`, `storewarden` or `command-line`; `person#…` of somebody who was
             *     removed.
             */
            actor: string;
            /** Format: int64 */
            at_ms: number;
            /** @description Over this record and the hash of the one before. */
            hash: string;
            kind: string;
            params: {
                [key: string]: unknown;
            };
            /** Format: int64 */
            sequence: number;
            /** @description `null`: it concerns the machine or all shops. */
            shop?: string | null;
            subject?: string | null;
        };
        /** @description A page of the ledger, the newest record first. */
        LedgerView: {
            /** @description The newest one, and the last that each place has got; the newest first. */
            checkpoints: components["schemas"]["CheckpointView"][];
            /** @description What to give as `before` for the next page; `null` on the last one. */
            next?: string | null;
            records: components["schemas"]["LedgerRecordView"][];
            verified: components["schemas"]["VerifiedView"];
        };
        /**
         * @description How bad it is. `unknown` is no kind of good.
         * @enum {string}
         */
        Level: "good" | "unknown" | "attention" | "broken";
        /** @description A link that signs one browser in, once. */
        Link: {
            /** Format: int64 */
            expires_ms: number;
            /** @description Whom it signs in. */
            person: string;
            url: string;
        };
        LinkWish: {
            /** @description Whom to sign in; without it the owner, and where there is nobody yet, the first one. */
            person?: string | null;
        };
        /** @description How it stands with a server's own log. Times are by the server's clock. */
        LogStanding: {
            /**
             * Format: int64
             * @description What the archive takes on this machine.
             */
            bytes: number;
            /** @description Of its whole files elsewhere. */
            copies: components["schemas"]["StreamCopy"][];
            /**
             * Format: int64
             * @description All that was acknowledged by then is on this machine's disk.
             */
            current_ms?: number | null;
            gap?: components["schemas"]["StreamGap"] | null;
            /**
             * Format: int64
             * @description Every moment from then to `current_ms` can be reached; null: no base backup goes on by it.
             */
            reaches_from_ms?: number | null;
            state: components["schemas"]["StreamState"];
            trouble?: components["schemas"]["Trouble"] | null;
        };
        /** @description One access log that is followed. */
        LogState: {
            /**
             * Format: int64
             * @description What is there and was not read yet.
             */
            behind_bytes: number;
            /** @description Why it cannot be read. */
            error?: string | null;
            path: string;
            /**
             * Format: int64
             * @description When it was last looked at without an error.
             */
            read_at_ms?: number | null;
        };
        /** @description A part of a run's log. */
        LogView: {
            /** @description Ask with `from` for what comes after. */
            next: number;
            text: string;
        };
        Look: {
            token: string;
        };
        Made: {
            /** Format: int64 */
            expires_ms: number;
            /** @description Sent as `Authorization: Bearer TOKEN`; shown this once. */
            token: string;
        };
        /** @description Something that happened, to stand on every chart. */
        Mark: {
            /** Format: int64 */
            at_ms: number;
            kind: components["schemas"]["MarkKind"];
            params: components["schemas"]["Params"];
        };
        /** @enum {string} */
        MarkKind: "reload" | "instance_down" | "instance_up" | "drain" | "undrain" | "edge_started" | "control_started" | "certificate" | "hold_start" | "hold_end";
        /** @description Who is signed in, and what they may do. */
        Me: {
            /** @description As the ledger has it: `person:ID`, `token:NAME` or `command-line`. */
            actor: string;
            email?: string | null;
            grants: components["schemas"]["GrantBody"][];
            has_password: boolean;
            /** @description `null` for programs, as the other fields of a person. */
            id?: string | null;
            name?: string | null;
            /** @description Where all shops at once are concerned. */
            permissions: string[];
            second_factor: components["schemas"]["SecondFactor"];
            session?: components["schemas"]["SessionOf"] | null;
            /** @description At each shop that one may see. */
            shops: {
                [key: string]: string[];
            };
        };
        /** @description A message: its code, and what is filled in. */
        Message: {
            code: string;
            params: {
                [key: string]: unknown;
            };
        };
        /** @description One minute of a shop. */
        Minute: {
            /**
             * Format: int64
             * @description The minute's start.
             */
            at_ms: number;
            /** Format: int64 */
            errors?: number | null;
            /** Format: int64 */
            orders?: number | null;
            /** Format: int64 */
            requests?: number | null;
            /** Format: int64 */
            revenue_minor?: number | null;
        };
        /** @description A confirmed order without a row. */
        MissingOrder: {
            /**
             * Format: int64
             * @description When it was confirmed for the first and for the last time, unix milliseconds.
             */
            first_ms: number;
            /** Format: int64 */
            last_ms: number;
            /** @description As the request named it. */
            number: string;
        };
        /** @description Orders that the shop has confirmed to visitors, by the edge's access log, and that its database lacks. */
        MissingOrders: {
            /**
             * Format: int64
             * @description Orders that were confirmed since then, those that are there among them.
             */
            confirmed: number;
            /**
             * Format: int64
             * @description From when on the log was read; null: it has no line since then.
             */
            from_ms?: number | null;
            /** @description Whether all of it was read and looked up in time. */
            is_whole: boolean;
            /**
             * Format: int64
             * @description So many more are not told.
             */
            more: number;
            /** @description The first that was confirmed first. */
            orders: components["schemas"]["MissingOrder"][];
            /** @description Whether the log reaches back so far. */
            reaches_back: boolean;
            /**
             * Format: int64
             * @description Answers to requests of payments and confirmations whose path names no order: of these nobody can say.
             */
            unnamed: number;
        };
        /** @description Since when confirmed orders are looked for; null: the last 24 hours. */
        MissingQuestion: {
            /**
             * Format: int64
             * @description Unix milliseconds.
             */
            since_ms?: number | null;
        };
        /** @description Every moment between two, reached from one dump. */
        MomentSpan: {
            /** Format: int64 */
            from_ms: number;
            /** @description What was redefined then, so that it ends there; null: it goes on, or another dump does. */
            redefined?: string | null;
            /** @description The backup that the dump is in. */
            snapshot: string;
            /** Format: int64 */
            until_ms: number;
        };
        /**
         * @description Where a dump and the journal of changes reach. Any moment of a span is a restore point; those at full
         *     steps of the clock are listed.
         */
        Moments: {
            /**
             * Format: int64
             * @description As of when; null: not looked yet.
             */
            looked_ms?: number | null;
            /** @description The newest first; the first is the newest moment that there is. */
            points: components["schemas"]["RestorePoint"][];
            /** @description By dump, the newest first; what lies between two spans cannot be reached. */
            spans: components["schemas"]["MomentSpan"][];
            /**
             * Format: int64
             * @description How far apart they are listed.
             */
            step_ms: number;
            trouble?: components["schemas"]["Trouble"] | null;
        };
        NewPassword: {
            /** @description The one until now; not asked of those who have none. */
            current?: string | null;
            /** @description 12 to 256 characters. */
            new: string;
        };
        NotifyRoute: {
            /** @description Why it cannot be told now; null when nothing is known against it. */
            error?: string | null;
            /** @description `email`, `webhook`, `slack` or `ntfy`. */
            kind: string;
            last?: components["schemas"]["LastNotice"] | null;
            name: string;
            /** @description Messages that wait to be sent. */
            waiting: number;
        };
        NotifyRoutes: {
            /** @description In the configuration's order. */
            routes: components["schemas"]["NotifyRoute"][];
        };
        /** @description What became of one order, as far as backups tell. */
        OrderHistory: {
            /**
             * Format: int64
             * @description The oldest backup that was looked into.
             */
            back_to_ms?: number | null;
            /** @description Whether that was far enough: `false` when the time was over before. */
            is_whole: boolean;
            journal?: components["schemas"]["JournalReach"] | null;
            /** @description The newest first. */
            moments: components["schemas"]["OrderMoment"][];
            order?: components["schemas"]["OrderName"] | null;
        };
        /** @description Orders as they were in a backup, beside what they are. */
        OrderLook: {
            journal?: components["schemas"]["JournalReach"] | null;
            /**
             * Format: int64
             * @description So many more of the buyer's are not told.
             */
            more: number;
            /** @description None: neither the backup nor the shop has it. */
            orders: components["schemas"]["OrderThenNow"][];
            /** @description The newest backup that was looked into, and of when it is; null: there is none. */
            snapshot?: string | null;
            /** Format: int64 */
            snapshot_ms?: number | null;
            /**
             * @description The platform, where no order of a shop of it that ran was ever brought back: its tables were built
             *     for tests. Null: some were.
             */
            untried?: string | null;
        };
        /** @description Something happened to an order: in a transaction that the journal has, or between two looks at it. */
        OrderMoment: {
            /**
             * Format: int64
             * @description The backup before; null: no backup was before, or the journal tells when.
             */
            after_ms?: number | null;
            /**
             * Format: int64
             * @description When it was committed, by the journal; null: only backups tell of it.
             */
            at_ms?: number | null;
            /**
             * Format: int64
             * @description The backup behind; null: now, in the shop itself, or the journal tells when.
             */
            before_ms?: number | null;
            /** @description The rows that are different. */
            rows: components["schemas"]["RowThenNow"][];
            /** @description `made`, `changed` or `gone`. */
            what: string;
        };
        /** @description What an order is called. */
        OrderName: {
            key: string;
            numbers: string[];
            table: string;
        };
        /** @description Which rows are meant: an order by its number or its buyer, or any row by its table and key. */
        OrderQuestion: {
            /**
             * Format: int64
             * @description As it was then, unix milliseconds: by the journal of changes where that has the moment, else by the
             *     newest backup that is not younger. Null: the newest in which it is found.
             */
            as_of_ms?: number | null;
            /** @description The buyer's e-mail address: all orders of it. */
            email?: string | null;
            /** @description The key of a row of `table`. */
            key?: string | null;
            /** @description The order's number as people read it, or its key. */
            order?: string | null;
            /** @description Another table than that of orders: `customer`. */
            table?: string | null;
        };
        /** @description One order, then and now. */
        OrderThenNow: {
            /**
             * Format: int64
             * @description When its buyer had their data erased, after then: what tells of them does not come back. Null: not.
             */
            erased_ms?: number | null;
            /**
             * Format: int64
             * @description The moment as of which the journal of changes tells it; null: it is told as it was in the backup.
             */
            journal_ms?: number | null;
            key: string;
            /**
             * Format: int64
             * @description So many more rows are not told.
             */
            more_rows: number;
            /** @description As people call it; none for a row that is no order. */
            numbers: string[];
            /** @description Its own first, then what it needs and is gone. */
            rows: components["schemas"]["RowThenNow"][];
            /** @description The backup that it is told from; null: none that was looked into has it, or the journal tells all. */
            snapshot?: string | null;
            /** Format: int64 */
            snapshot_ms?: number | null;
            /**
             * @description `same`, `changed`, `gone` (it is in the backup and no longer in the shop) or `new` (it is in the
             *     shop and not in the backup).
             */
            state: string;
            /** @description The table of its own row, and the key there. */
            table: string;
        };
        Orders: {
            /**
             * Format: int64
             * @description Placed in the last 60 minutes, the running one included.
             */
            last_hour?: number | null;
            /**
             * Format: int64
             * @description Placed in the last 60 seconds.
             */
            last_minute?: number | null;
            /** Format: int64 */
            last_order_ms?: number | null;
            /**
             * Format: int64
             * @description When the shop's database was last read without an error.
             */
            read_at_ms?: number | null;
            /** Format: int64 */
            revenue_last_hour_minor?: number | null;
            /** Format: int64 */
            revenue_today_minor?: number | null;
            /**
             * Format: int64
             * @description Since midnight in the shop's time zone.
             */
            today?: number | null;
        };
        OwnBody: {
            /** @description A name, as people call them; `null`: nobody in particular. */
            owner?: string | null;
        };
        /** @description A second server of Storewarden's that follows a shop's database. */
        OwnReplica: {
            /** Format: int64 */
            behind_at_most_ms: number;
            /**
             * Format: int64
             * @description Of the database's log; null: not known.
             */
            behind_bytes?: number | null;
            /**
             * Format: int64
             * @description Null: not known, as of one that does not follow.
             */
            behind_ms?: number | null;
            /**
             * Format: int32
             * @description Looks at which it did not follow, one after the other, until now.
             */
            failed: number;
            folder: string;
            /** @description It is to follow nobody any more: it is the shop's database. */
            is_promoted?: boolean;
            /** @description Where it listens. */
            listen: string;
            /** @description What the database knows it by. */
            name: string;
            /** @description What its server says where it does not follow. */
            said?: string | null;
            /** Format: int64 */
            seen_ms: number;
            /** @description `absent`, `begun`, `silent`, `follows`, `broken` or `promoted`. */
            state: string;
        };
        /** @description A page that is looked at. */
        PageStanding: {
            /** Format: int64 */
            answered_ms?: number | null;
            error?: string | null;
            /** Format: double */
            round_trip_ms?: number | null;
            /** Format: int64 */
            since_ms: number;
            state: components["schemas"]["PageState"];
            url: string;
        };
        /** @enum {string} */
        PageState: "unknown" | "ok" | "silent";
        /** @description Parameters of a message by name. */
        Params: {
            [key: string]: unknown;
        };
        /** @description How this Storewarden is. A newer one may say more, an older one less. */
        PeerAnswer: {
            edge?: components["schemas"]["PeerEdge"];
            incidents?: components["schemas"]["PeerIncidents"];
            /**
             * Format: int64
             * @description By the machine's clock.
             */
            now_ms: number;
            /**
             * Format: int64
             * @description When the token ends that was shown; null: never.
             */
            token_ends_ms?: number | null;
            /** @description Of the program. */
            version: string;
        };
        /** @description The edge, as its control sees it. */
        PeerEdge: {
            /** @description Null: not known. */
            connected?: boolean | null;
        };
        /** @description The incidents that are not over; null: not known. */
        PeerIncidents: {
            /**
             * Format: int64
             * @description Of these: something is broken.
             */
            broken?: number | null;
            /** Format: int64 */
            open?: number | null;
        };
        /** @description One peer. */
        PeerStanding: {
            /**
             * Format: int64
             * @description When it last answered.
             */
            answered_ms?: number | null;
            /**
             * Format: int64
             * @description By how much its clock is ahead of ours; as exact as half the round trip.
             */
            clock_offset_ms?: number | null;
            edge_connected?: boolean | null;
            /** @description Why the last asking was in vain. */
            error?: string | null;
            /** Format: int64 */
            incidents_broken?: number | null;
            /** Format: int64 */
            incidents_open?: number | null;
            name: string;
            /** @description Pages of its shops, as seen from here. */
            pages: components["schemas"]["PageStanding"][];
            /**
             * Format: double
             * @description From the first byte sent to the last that came.
             */
            round_trip_ms?: number | null;
            /**
             * Format: int64
             * @description Since when its state is what it is: the last answer of a silent one.
             */
            since_ms: number;
            state: components["schemas"]["PeerState"];
            /** Format: int64 */
            token_ends_ms?: number | null;
            /** @description Where it is asked; null: it asks us, and we do not ask it. */
            url?: string | null;
            /** @description What follows is as it said last. */
            version?: string | null;
        };
        /**
         * @description What is known of a peer now. Unknown is no kind of ok.
         * @enum {string}
         */
        PeerState: "not_asked" | "unknown" | "ok" | "silent" | "refuses";
        /** @description How it stands with all of them. */
        PeersStanding: {
            /**
             * Format: int64
             * @description Nothing off this machine can be reached: what is with peers and pages is unknown. Since when;
             *     null: something can.
             */
            cut_off_since_ms?: number | null;
            peers: components["schemas"]["PeerStanding"][];
        };
        People: {
            people: components["schemas"]["Person"][];
        };
        Person: {
            /** Format: int64 */
            created_ms: number;
            email?: string | null;
            grants: components["schemas"]["GrantBody"][];
            has_password: boolean;
            has_second_factor: boolean;
            id: string;
            name: string;
            /**
             * Format: int32
             * @description How many are left.
             */
            recovery_codes: number;
            /**
             * Format: int64
             * @description When they were here last, to the minute; `null`: never.
             */
            seen_ms?: number | null;
        };
        /** @description What is not given stays as it is. */
        PersonChangeWish: {
            /** @description `null` takes it away. */
            email?: string | null;
            grants?: components["schemas"]["GrantBody"][] | null;
            name?: string | null;
        };
        PersonWish: {
            email?: string | null;
            grants: components["schemas"]["GrantBody"][];
            /** @description Under which they sign in: lower-case letters, digits, `-` and `_`. */
            id: string;
            /** @description The id, when not given. */
            name?: string | null;
        };
        /** @description One second of a shop's traffic. */
        Point: {
            /** Format: int64 */
            at_ms: number;
            /**
             * Format: double
             * @description Of all requests of the last ten seconds, the share answered from the cache.
             */
            cache_share?: number | null;
            /**
             * Format: double
             * @description Requests of the classes checkout and payment.
             */
            checkouts_per_second?: number | null;
            /** Format: double */
            cpu_share?: number | null;
            /**
             * Format: double
             * @description Answers with status 500 and above, and answers that broke off.
             */
            errors_per_second: number;
            /** Format: int64 */
            held?: number | null;
            /** Format: int64 */
            in_flight?: number | null;
            /** Format: double */
            memory_share?: number | null;
            /**
             * Format: double
             * @description Time to the first byte over the last ten seconds, images and files aside.
             */
            p50_ms?: number | null;
            /** Format: double */
            p95_ms?: number | null;
            /** Format: double */
            p99_ms?: number | null;
            /** Format: int64 */
            queued?: number | null;
            /** Format: double */
            requests_per_second: number;
            /**
             * Format: int64
             * @description Distinct visitors of the last five minutes, estimated within a few percent.
             */
            visitors?: number | null;
        };
        /** @description What a plan would do, and what stands in its way. */
        PreviewView: {
            /**
             * Format: int64
             * @description When it would begin, as far as windows and freezes decide; `null`: not as things stand.
             */
            begins_ms?: number | null;
            /** @description Of the configuration, as a unified difference. */
            difference?: string | null;
            /** @description What it does not wait for, because it was wished at once: starting it needs a reason then. */
            hurries_past: components["schemas"]["Message"][];
            /** @description Start it with this. Forgotten after a quarter of an hour. */
            id: string;
            kind: string;
            /** Format: int64 */
            longest_ms: number;
            /** Format: int64 */
            made_at_ms: number;
            /** @description Whether it would begin as it is. */
            may_start: boolean;
            needs_approval: boolean;
            shop?: string | null;
            steps: components["schemas"]["StepView"][];
            /** @description Once it is done there is nothing to take back: it does so by itself. */
            takes_itself_back: boolean;
            /** @description All of it in English, for a terminal. */
            text: string;
            title: components["schemas"]["Message"];
            waits_for: components["schemas"]["Message"][];
            /** @description What whoever starts it should know. */
            warnings: components["schemas"]["Message"][];
            /** @description The window it is to begin and end in; `null`: none. */
            window?: string | null;
            /** @description The windows that it could wait for. */
            windows: components["schemas"]["WindowView"][];
        };
        /** @description A queue of a shop, or one of its cron's jobs. */
        QueueStanding: {
            /**
             * Format: double
             * @description Within the last hour.
             */
            failed?: number | null;
            /** Format: int64 */
            oldest_running_ms?: number | null;
            /**
             * Format: int64
             * @description Since the oldest of those that wait was due; 0 without one.
             */
            oldest_waiting_ms?: number | null;
            queue: string;
            /** Format: double */
            running?: number | null;
            /**
             * Format: double
             * @description Due, and not begun.
             */
            waiting?: number | null;
        };
        /** @description Why somebody does something to a run. */
        ReasonBody: {
            reason?: string | null;
        };
        RecoveryCodes: {
            /** @description Each good once; shown this once. */
            recovery_codes: string[];
        };
        /**
         * @description What brings a shop back when its machine and all that was on it are gone: made once, shown once,
         *     and kept nowhere by us.
         */
        RecoverySheet: {
            /** Format: int64 */
            made_ms: number;
            /** @description Opens every repository that has no trouble, as a password of its own. */
            phrase: string;
            places: components["schemas"]["SheetPlace"][];
            shop: string;
        };
        Reloaded: {
            /**
             * Format: int64
             * @description The version of the snapshot that the edge gets.
             */
            version: number;
        };
        /** @description A moment that is listed. */
        RestorePoint: {
            /** Format: int64 */
            at_ms: number;
            /**
             * Format: int64
             * @description That are made once more.
             */
            changes: number;
            /** Format: int64 */
            dump_ms: number;
            /**
             * Format: int64
             * @description How long it takes, with every row held against the dump; null: nobody has measured it yet.
             */
            expected_ms?: number | null;
            /** @description The backup with the dump that it goes on from, and when that began. */
            snapshot: string;
            /** Format: int64 */
            transactions: number;
        };
        /** @description One route class over the last ten seconds. */
        RouteClass: {
            class: string;
            /** Format: double */
            errors_per_second: number;
            /** Format: double */
            p50_ms?: number | null;
            /** Format: double */
            p95_ms?: number | null;
            /** Format: double */
            requests_per_second: number;
        };
        /** @description A row that belongs to an order. */
        RowThenNow: {
            fields: components["schemas"]["FieldThenNow"][];
            key: string;
            /** @description `root`, `own`, or `needed`: others may need it as well, and it is gone. */
            role: string;
            /** @description As of the order. */
            state: string;
            table: string;
        };
        /** @description A plan that was started. */
        RunView: {
            actor: string;
            all_steps: number;
            approved_by?: string | null;
            cause?: components["schemas"]["CauseView"] | null;
            /** Format: int64 */
            created_ms: number;
            /** @description Of the configuration, as a unified difference. */
            difference?: string | null;
            done_steps: number;
            /** Format: int64 */
            ended_ms?: number | null;
            id: string;
            kind: string;
            /**
             * @description What the caller may do with it now: `approve`, `hurry`, `cancel`, `undo`, `retry`,
             *     `declare_done`, `declare_not_done`, `give_up`.
             */
            may: string[];
            shop?: string | null;
            /** Format: int64 */
            started_ms?: number | null;
            /**
             * @description `awaiting_approval`, `waiting`, `running`, `done`, `failed`, `cancelled`, `undoing`,
             *     `undone`, `undo_failed` or `stuck`.
             */
            state: string;
            /** @description Empty in a list. */
            steps: components["schemas"]["StepView"][];
            title: components["schemas"]["Message"];
            undo_gone?: components["schemas"]["Message"] | null;
            waits_for: components["schemas"]["Message"][];
        };
        /** @description Runs, the newest first. */
        RunsView: {
            /** @description Ask with `before` for those before these; `null` when there are none. */
            next?: string | null;
            runs: components["schemas"]["RunView"][];
        };
        SecondFactor: {
            active: boolean;
            /** @description It must be set up before anything else can be done. */
            missing: boolean;
            /**
             * Format: int32
             * @description Recovery codes that are left.
             */
            recovery_codes: number;
        };
        /** @description A checkpoint and a place of the configuration. */
        SentView: {
            /**
             * Format: int64
             * @description `null`: it has not arrived there.
             */
            at_ms?: number | null;
            error?: string | null;
            to: string;
        };
        /** @description A metric of a service, the sum of its series: docs/formats/service-readings.md. */
        ServiceNumber: {
            metric: string;
            /** Format: double */
            value: number;
        };
        /** @description One service. */
        ServiceStanding: {
            /**
             * Format: int64
             * @description When it was last asked; null: never.
             */
            asked_ms?: number | null;
            /** @description Why it did not answer. */
            error?: string | null;
            /** @description Found on the machine, and not named by the configuration. */
            found: boolean;
            /** @description What says most of how it is; all is in the history. */
            numbers: components["schemas"]["ServiceNumber"][];
            /** @description Host and port, or the path of a socket. */
            place: string;
            /** @description Of `queues`. */
            queues: components["schemas"]["QueueStanding"][];
            /** @description `redis`, `nginx`, `php-fpm`, `postgres`, `mysql`, `rabbitmq`, `elasticsearch` or `queues`. */
            service: string;
            /** @description Whose it is; null: the machine's. */
            shop?: string | null;
            /** Format: int64 */
            since_ms: number;
            state: components["schemas"]["ServiceState"];
            /** Format: double */
            took_ms?: number | null;
            wants?: components["schemas"]["ServiceWant"] | null;
        };
        /** @enum {string} */
        ServiceState: "unknown" | "up" | "down";
        /**
         * @description What is missing to ask a service that was found.
         * @enum {string}
         */
        ServiceWant: "login" | "status_page" | "access";
        /** @description All of them. */
        ServicesStanding: {
            /**
             * Format: int64
             * @description When the machine was last looked through for services; null: it was not yet, or is not to be.
             */
            looked_ms?: number | null;
            services: components["schemas"]["ServiceStanding"][];
        };
        SessionOf: {
            /** Format: int64 */
            created_ms: number;
            /** Format: int64 */
            expires_ms: number;
            id: string;
            /** @description `link`, `invitation`, `password`, `second_factor` or `recovery_code`. */
            method: string;
        };
        SessionRow: {
            /** @description What the browser calls itself. */
            browser?: string | null;
            /** Format: int64 */
            created_ms: number;
            /** Format: int64 */
            expires_ms: number;
            id: string;
            /** @description The session that asks. */
            is_current: boolean;
            /** @description `link`, `invitation`, `password`, `second_factor` or `recovery_code`. */
            method: string;
            person: string;
            /**
             * Format: int64
             * @description To the minute.
             */
            seen_ms: number;
        };
        Sessions: {
            sessions: components["schemas"]["SessionRow"][];
        };
        /** @description A repository on a recovery sheet. */
        SheetPlace: {
            /** @description Of a bucket, where it answers. */
            endpoint?: string | null;
            /** @description The id of the key that the phrase opens. */
            key?: string | null;
            /** @description `folder`, `s3` or `sftp`. */
            kind: string;
            /** @description As the configuration names it, without secrets. */
            place: string;
            /** @description Of a bucket. */
            region?: string | null;
            /** @description The repository's id. */
            repository?: string | null;
            trouble?: components["schemas"]["Trouble"] | null;
        };
        /** @description A recovery sheet, and whether anybody knows that it is good. */
        SheetStanding: {
            /**
             * Format: int64
             * @description Since when one should have been, and was not; null: it is not late.
             */
            late_ms?: number | null;
            /** Format: int64 */
            made_ms: number;
            /**
             * Format: int64
             * @description When a backup was last tried by a sheet; null: never.
             */
            tried_ms?: number | null;
        };
        /** @description Backups of one shop. */
        ShopBackups: {
            /**
             * Format: int64
             * @description The shop is to be back after so long at most.
             */
            back_within_ms: number;
            /**
             * Format: int64
             * @description Up to when its database comes back: by that dump, or by the journal that goes on from it.
             */
            database_ms?: number | null;
            /**
             * Format: int64
             * @description Since when a backup should have been tried, and none was; null: none is late.
             */
            drill_late_ms?: number | null;
            /** @description What came of trying backups by restoring them, the newest first. */
            drills: components["schemas"]["DrillRow"][];
            due?: components["schemas"]["Due"] | null;
            /**
             * Format: int64
             * @description When the newest with a dump of its database began.
             */
            dump_ms?: number | null;
            failed_drill?: components["schemas"]["BackupRun"] | null;
            /** @description What the backups of the last months held, the oldest first. */
            history: components["schemas"]["BackupSize"][];
            last_run?: components["schemas"]["BackupRun"] | null;
            /**
             * Format: int64
             * @description No more may be lost of the database, or of the whole where its changes are not followed.
             */
            lose_at_most_ms: number;
            missing?: components["schemas"]["VanishedOrders"] | null;
            newest?: components["schemas"]["SnapshotRow"] | null;
            /**
             * Format: int64
             * @description When the next backup begins by itself; null: not as things stand.
             */
            next_ms?: number | null;
            /** @description The places of its repositories, in the configuration's order. */
            places: components["schemas"]["BackupPlace"][];
            /** @description The change that backs it up at the moment. */
            running?: string | null;
            sheet?: components["schemas"]["SheetStanding"] | null;
            shop: string;
            /**
             * Format: int64
             * @description Since when it is late or failing.
             */
            since_ms?: number | null;
            state: components["schemas"]["BackupState"];
            stream?: components["schemas"]["StreamStanding"] | null;
            /** @description Orders that went without a plan of ours and are not back, by when they went. */
            vanished: components["schemas"]["VanishedOrders"][];
        };
        /** @description A shop's certificate. */
        ShopCertificate: {
            /** Format: int64 */
            ends_ms?: number | null;
            /** @description Why the last order failed. */
            error?: string | null;
            /** @description The first name that it is for. */
            host: string;
            /** @description Renewed by us; else somebody must bring a new one. */
            renews: boolean;
            /** @description As browsers show it, `0a:1b:…`; null while the first one is awaited. */
            serial?: string | null;
        };
        /** @description The database of one shop. */
        ShopDatabase: {
            /**
             * Format: int32
             * @description Looks that failed, one after the other, until now.
             */
            failed: number;
            /**
             * Format: int64
             * @description When it was last seen who waits.
             */
            glanced_ms?: number | null;
            /** @description `postgres`, `mysql` or `sqlite`; null: the configuration names none, or nobody has looked yet. */
            kind?: string | null;
            look?: components["schemas"]["DatabaseLook"] | null;
            /**
             * Format: int64
             * @description When all of it was looked at.
             */
            looked_ms?: number | null;
            replica?: components["schemas"]["OwnReplica"] | null;
            shop: string;
            state: components["schemas"]["DatabaseState"];
            trouble?: components["schemas"]["Trouble"] | null;
        };
        /**
         * @description A shop and its machine over a time, in even steps. The times are those that were asked for, widened
         *     to whole steps.
         */
        ShopHistory: {
            /**
             * Format: int64
             * @description Begin of the first step.
             */
            from_ms: number;
            /** @description All that is measured, known or not; last the machine's disks, one series each. */
            series: components["schemas"]["HistorySeries"][];
            /**
             * Format: int64
             * @description Length of a step.
             */
            step_ms: number;
            /**
             * Format: int64
             * @description End of the last step.
             */
            until_ms: number;
        };
        /** @description A shop as it is now, without its history. */
        ShopNow: {
            /** @description Where the edge listens, as URLs. */
            addresses: string[];
            /** Format: int64 */
            at_ms: number;
            beside?: components["schemas"]["Beside"] | null;
            cache?: components["schemas"]["Cache"] | null;
            certificate?: components["schemas"]["ShopCertificate"] | null;
            /** @description The last seconds by route class; classes nobody asked for are left out. */
            classes: components["schemas"]["RouteClass"][];
            /** @description ISO 4217. */
            currency: string;
            edge: components["schemas"]["Edge"];
            /** @description The most urgent first. */
            findings: components["schemas"]["Finding"][];
            hold?: components["schemas"]["Hold"] | null;
            host: components["schemas"]["Host"];
            hosts: string[];
            id: string;
            instances: components["schemas"]["Instance"][];
            /** @description What happened, the oldest first. */
            marks: components["schemas"]["Mark"][];
            name: string;
            orders: components["schemas"]["Orders"];
            platform: string;
            /**
             * Format: int64
             * @description Grows by one with every tick of a shop.
             */
            sequence: number;
            /** @description An IANA name. */
            time_zone: string;
            /** @description What the last three hours and the one under way usually bring, the oldest first; hours of which too little is known are left out. */
            usual: components["schemas"]["UsualHour"][];
            verdict: components["schemas"]["Verdict"];
        };
        /** @description A shop whole, with its history. */
        ShopState: components["schemas"]["ShopNow"] & {
            /** @description The last 180 minutes, the oldest first. */
            minutes: components["schemas"]["Minute"][];
            /** @description The last 600 seconds, the oldest first; seconds without facts from the edge are missing. */
            points: components["schemas"]["Point"][];
        };
        /** @description A shop in [`Status`]. */
        ShopStatus: components["schemas"]["ShopNow"] & {
            minutes: components["schemas"]["Minute"][];
        };
        /** @description A shop in the list of shops. */
        ShopSummary: {
            id: string;
            name: string;
            platform: string;
            verdict: components["schemas"]["Verdict"];
        };
        Shops: {
            shops: components["schemas"]["ShopSummary"][];
        };
        SignIn: {
            /** @description Six digits of the second factor, or a recovery code. */
            code?: string | null;
            /** @description The id or the e-mail address. */
            name: string;
            password: string;
        };
        /** @description Who has signed in. */
        SignedIn: {
            person: string;
        };
        Silence: {
            by: string;
            /** @description Null: all. */
            code?: string | null;
            comment: string;
            /** Format: int64 */
            from_ms: number;
            /** Format: int64 */
            id: number;
            /** @description Null: every shop, and the machine. */
            shop?: string | null;
            /** Format: int64 */
            until_ms: number;
        };
        SilenceBody: {
            /** @description The code of a finding; `null`: all. */
            code?: string | null;
            comment?: string;
            /**
             * Format: int64
             * @description Now when not given.
             */
            from_ms?: number | null;
            /** @description `null`: every shop, and the machine. */
            shop?: string | null;
            /** Format: int64 */
            until_ms: number;
        };
        Silences: {
            /** @description The newest last. */
            silences: components["schemas"]["Silence"][];
        };
        /** @description A file, folder or link of a backup. */
        SnapshotEntry: {
            /** @description `file`, `folder`, `link` or `other`. */
            kind: string;
            /** Format: int64 */
            modified_ms: number;
            name: string;
            /**
             * Format: int64
             * @description Of a file.
             */
            size_bytes?: number | null;
        };
        /** @description A folder of a backup. */
        SnapshotFolder: {
            /** @description Sorted by name, folders first. */
            entries: components["schemas"]["SnapshotEntry"][];
            path: string;
            /**
             * Format: int64
             * @description Entries there are, which may be more than are here.
             */
            total: number;
        };
        /** @description One backup. */
        SnapshotRow: {
            /**
             * Format: int64
             * @description What it added to the repository, packed.
             */
            added_bytes?: number | null;
            /**
             * Format: int64
             * @description When it began.
             */
            at_ms: number;
            /**
             * Format: int64
             * @description Of everything in it.
             */
            bytes?: number | null;
            databases: components["schemas"]["DatabaseRow"][];
            /** Format: int64 */
            files?: number | null;
            /** @description 64 hexadecimal digits. */
            id: string;
            /**
             * Format: int64
             * @description It has no dump: up to then the journal of changes stands for its database.
             */
            journal_ms?: number | null;
            /** @description Whole paths of what was backed up; of databases their dumps' folders. */
            paths: string[];
            /** @description The places that have it. */
            places: string[];
            tags: string[];
            /** Format: int64 */
            took_ms?: number | null;
        };
        /** @description The backups of a shop, the newest first. */
        Snapshots: {
            /**
             * Format: int64
             * @description As of when; null: not listed yet.
             */
            looked_ms?: number | null;
            moments?: components["schemas"]["Moments"] | null;
            snapshots: components["schemas"]["SnapshotRow"][];
            /** @description Places that could not be listed: what they have is not here. */
            unknown: string[];
        };
        /** @description Which preview to start. */
        StartBody: {
            /** @description The id of a preview. */
            preview: string;
            /**
             * @description Why it cannot wait, for one that begins at once past a window or a freeze; it stands in the
             *     ledger.
             */
            reason?: string | null;
        };
        /** @description The machine as a whole: what `storewarden status` prints. */
        Status: {
            edge: components["schemas"]["Edge"];
            /** @description What concerns the machine rather than one shop; every shop repeats it. */
            findings: components["schemas"]["Finding"][];
            host: components["schemas"]["Host"];
            shops: components["schemas"]["ShopStatus"][];
            version: string;
        };
        /** @description One step of a plan or a run. */
        StepView: {
            act: components["schemas"]["Message"];
            /** @description In a preview: as of now, as if the steps before were done. Empty in a run. */
            conditions: components["schemas"]["ConditionView"][];
            /** Format: int64 */
            ended_ms?: number | null;
            /** @description What went wrong, in the words of whoever did it. */
            error?: string | null;
            evidence: {
                [key: string]: unknown;
            };
            /** @description From 0. */
            index: number;
            reason?: components["schemas"]["Message"] | null;
            /** @description What it does, in English. */
            sentence: string;
            /** Format: int64 */
            started_ms?: number | null;
            /** @description `planned`, `intended`, `done`, `failed`, `undoing`, `undone`, `skipped` or `unknown`. */
            state: string;
            /** Format: int64 */
            timeout_ms: number;
            undo: components["schemas"]["UndoView"];
        };
        /** @description A copy of a journal elsewhere. What it says holds only while the stream is known to be followed. */
        StreamCopy: {
            /**
             * Format: int64
             * @description What the shop's journals take there.
             */
            bytes?: number | null;
            /**
             * Format: int64
             * @description All that was committed by then is there; how long ago that is, is its lag. Null: it is not known
             *     of any time.
             */
            current_ms?: number | null;
            /**
             * Format: int64
             * @description How long that took, from this machine's disk to there.
             */
            delay_ms?: number | null;
            /**
             * Format: int64
             * @description How often it gets what came.
             */
            every_ms: number;
            /** @description It lets nothing go: what is too old, somebody else must remove. */
            keeps_all: boolean;
            /**
             * Format: int64
             * @description Requests that a bucket counts where the database changes all the time; null: nobody counts.
             */
            requests_a_month?: number | null;
            /**
             * Format: int64
             * @description When it got something last.
             */
            sent_ms?: number | null;
            /** @description The place. */
            to: string;
            trouble?: components["schemas"]["Trouble"] | null;
        };
        /** @description Changes that are in no journal. */
        StreamGap: {
            /** Format: int64 */
            from_ms?: number | null;
            reason: string;
            /**
             * Format: int64
             * @description A backup that began later makes up for it.
             */
            until_ms: number;
        };
        /** @description What stands in the way, or makes the stream tell less than it could. */
        StreamObstacle: {
            /** @description `setting`, `rights`, `uncapped`, `no_identity`, `keys_only`, `not_followed` or `unreadable`. */
            code: string;
            /** @description What to do about it, as a statement or a sentence. */
            mend: string;
            /** @description Whether nothing is begun before it is out of the way. */
            refuses: boolean;
            /** @description A table, a column or a setting. */
            subject: string;
        };
        /** @description The stream of changes of one shop. */
        StreamStanding: {
            /**
             * Format: int64
             * @description Since when every change is in the journal.
             */
            begun_ms?: number | null;
            /**
             * Format: int64
             * @description The journal must not be further behind.
             */
            behind_at_most_ms: number;
            /**
             * Format: int64
             * @description Of the server's log, still to come; null: the server does not say.
             */
            behind_bytes?: number | null;
            /** @description Of the journal elsewhere, as it grows; empty: it is on this machine alone. */
            copies: components["schemas"]["StreamCopy"][];
            /**
             * Format: int64
             * @description All that was committed by then is in the journal, on disk; how long ago that is, is the lag.
             *     Null: it is not known of any time.
             */
            current_ms?: number | null;
            gap?: components["schemas"]["StreamGap"] | null;
            /**
             * Format: int64
             * @description What the journal takes on this machine.
             */
            journal_bytes: number;
            /**
             * Format: int64
             * @description When the last change was committed.
             */
            last_ms?: number | null;
            log?: components["schemas"]["LogStanding"] | null;
            obstacles: components["schemas"]["StreamObstacle"][];
            /**
             * Format: int64
             * @description What of it the server's own log takes, as far as it is packed; null: it is not kept.
             */
            raw_bytes?: number | null;
            state: components["schemas"]["StreamState"];
            trouble?: components["schemas"]["Trouble"] | null;
        };
        /** @enum {string} */
        StreamState: "starting" | "following" | "away" | "refused" | "stopped" | "unknown";
        TestBody: {
            /** @description The name of a `[[notify]]`. */
            route: string;
        };
        TextBody: {
            text: string;
        };
        /** @description A second of news about a shop. */
        Tick: components["schemas"]["ShopNow"] & {
            /** @description The last two minutes, the oldest first. */
            minutes: components["schemas"]["Minute"][];
            point?: components["schemas"]["Point"] | null;
        };
        TimelineEntry: {
            /** Format: int64 */
            at_ms: number;
            /** @description `person:ID`, `token:NAME`, `command-line` or `storewarden`. */
            by: string;
            /**
             * @description `opened`, `joined`, `level_changed`, `no_data`, `flapping`, `cleared`, `notified`,
             *     `notify_failed`, `escalated`, `acknowledged`, `acknowledgement_ended`, `owned`, `note`,
             *     `remedy_started`, `remedy_runs`, `remedy_ended`, `remedy_failed`, `remedy_limited`,
             *     `resolved`, `reopened`.
             */
            kind: string;
            /** @description By kind: `code`, `text`, `owner`, `until_ms`, `route`, `event`, `error`, `action`, `run`. */
            params: Record<string, never>;
        };
        TokenRow: {
            /** Format: int64 */
            created_ms: number;
            /** Format: int64 */
            expires_ms: number;
            has_expired: boolean;
            /** @description As the ledger has it. */
            made_by: string;
            name: string;
            permissions: string[];
            /** @description `null`: every shop, and the machine itself. */
            shops?: string[] | null;
            /**
             * Format: int64
             * @description To the minute; `null`: never.
             */
            used_ms?: number | null;
        };
        TokenWish: {
            /**
             * Format: int32
             * @description 1 to 366; 90 when not given.
             */
            days?: number | null;
            /** @description Lower-case letters, digits, `-` and `_`. */
            name: string;
            /** @description At least one; `manage_people` is not for tokens. */
            permissions: string[];
            /** @description Every shop, when not given. */
            shops?: string[] | null;
        };
        Tokens: {
            tokens: components["schemas"]["TokenRow"][];
        };
        /** @description What went wrong, as a code with parameters and as a sentence in English. */
        Trouble: {
            code: string;
            message: string;
            params: {
                [key: string]: unknown;
            };
        };
        /** @description How a step is taken back. */
        UndoView: {
            act?: components["schemas"]["Message"] | null;
            /** @description `by`, `nothing_to_undo` or `impossible`. */
            kind: string;
            /** @description With `impossible`: why, as a code. */
            reason?: string | null;
        };
        /**
         * @description What the numbers of a series count.
         * @enum {string}
         */
        Unit: "per_second" | "ms" | "share" | "count" | "minor" | "bytes";
        /** @description What a part of an hour usually brings, by the same hours of past weeks. */
        UsualHour: {
            /** Format: int64 */
            from_ms: number;
            /**
             * Format: double
             * @description Of 95 of 100 minutes: at least so many, at most so many.
             */
            orders_a_minute: number;
            /** Format: double */
            orders_a_minute_high: number;
            /** Format: double */
            orders_a_minute_low: number;
            /** Format: double */
            revenue_minor_a_minute: number;
            /** Format: int64 */
            until_ms: number;
        };
        /** @description Orders that vanished at about one time. Which ones says the page of orders, to whoever may see it. */
        VanishedOrders: {
            /** Format: int64 */
            count: number;
            /**
             * Format: int64
             * @description When the first and the last of them went; by the backup that has them last where only backups tell.
             */
            first_ms: number;
            /** Format: int64 */
            last_ms: number;
        };
        /** @description The one sentence about a shop, as a code with parameters. */
        Verdict: {
            code: string;
            level: components["schemas"]["Level"];
            params: components["schemas"]["Params"];
        };
        /** @description Whether it holds, as of the last look at all of it. */
        VerifiedView: {
            /** Format: int64 */
            checked_ms?: number | null;
            /** @description `ok`, `unknown`, `broken_at` or `truncated`. */
            message: components["schemas"]["Message"];
            /** @description `null`: nobody has looked yet. */
            ok?: boolean | null;
            /**
             * Format: int64
             * @description The last record that a checkpoint covers; 0 when none does.
             */
            through_sequence: number;
        };
        /** @description A window that a plan could wait for. */
        WindowView: {
            /**
             * Format: int64
             * @description When the plan would begin in it; `null`: it is never open for long enough.
             */
            begins_ms?: number | null;
            name: string;
        };
        /** @description A plan that is wished for. Which of the other fields are needed, the kind says. */
        WishBody: {
            /** @description Every byte of the backups, not a share of them. */
            all?: boolean;
            /**
             * Format: int64
             * @description As it was then, unix milliseconds: an order, unless told by the newest backup that has it; a whole
             *     database, by the journal of changes.
             */
            as_of_ms?: number | null;
            /**
             * @description With that, of a whole database: by the `journal`, or by the server's own `log`; by whichever goes there
             *     unless told.
             */
            by?: string | null;
            /** @description Which database of the backup; the first in it unless told. */
            database?: string | null;
            /** @description With both of them: rows that the backup does not have are deleted. */
            exact?: boolean;
            /** @description Files of the configuration that are to say something else. */
            files?: components["schemas"]["FileBody"][];
            /** @description What the database suffers from: the id of a finding. */
            finding?: string | null;
            /** @description Also when nobody else is there to serve meanwhile. */
            forced?: boolean;
            /** @description The place of the repository that it is taken from; the first that has it unless told. */
            from?: string | null;
            /**
             * @description Whether it takes the place of the shop's own, which is kept under another name; with `tables`
             *     their rows are put back into the live ones.
             */
            in_place?: boolean;
            instance?: string | null;
            /** @description With a whole database in place: orders that are newer than the backup come along. */
            keep_newer_orders?: boolean;
            key?: string | null;
            /**
             * @description `restart_instance` (`shop`, `instance`, `forced`), `rolling_restart` (`shop`),
             *     `rolling_redeploy` (`shop`, `release`; without it a `rolling_restart`), `apply_configuration`
             *     (`text`; without it what stands in the file), `renew_certificate` (`shop`), `front` (`shop`),
             *     `back_up` (`shop`, `without_dump`), `verify_backup` (`shop`, `all`), `drill_backup` (`shop`, `snapshot`, `phrase`),
             *     `restore_backup` (`shop`, `snapshot`, `path`, `target`, `overwrite`, `from`), `restore_whole` (`shop`,
             *     `snapshot`, `target`, `name`, `from`), `restore_database` (`shop`, `snapshot`, `database`,
             *     `tables`, `name`, `in_place`, `exact`, `keep_newer_orders`, `newer_states`, `from`), `restore_order` (`shop`, `order`, or `table` and `key`,
             *     `as_of_ms`, `set_back`), `mend_database` (`shop`, `finding`), `remove_aside` (`shop`, `name`),
             *     `add_replica` (`shop`, `target`, `listen`), `remove_replica` (`shop`),
             *     `promote_replica` (`shop`, `primary_is_dead`) or `clean_up`.
             */
            kind: string;
            /** @description Where a replica listens, an address and port; a free one of this machine's own unless told. */
            listen?: string | null;
            /** @description What the restored database is called; by date unless told. Of what was put aside: its name. */
            name?: string | null;
            /** @description With them: orders that both have become as the shop has them now. */
            newer_states?: boolean;
            /** @description The order to bring back, by its number as people read it or its key. */
            order?: string | null;
            /** @description In a bucket: objects that are others by now are written over. */
            overwrite?: boolean;
            /** @description What of it, from the root; all of it unless told. */
            path?: string | null;
            /**
             * @description The phrase of a recovery sheet, to open the backup by it alone. It is kept in memory until then, and
             *     told nowhere.
             */
            phrase?: string | null;
            /** @description For `promote_replica`: the database does not answer and will not again. */
            primary_is_dead?: boolean;
            /** @description What to deploy. */
            release?: string | null;
            /** @description Also what was changed since, and not only what is gone. */
            set_back?: boolean;
            shop?: string | null;
            /** @description The backup to restore from: its id, or how it begins; the newest unless told. */
            snapshot?: string | null;
            /** @description The table and the key of a row that is no order. */
            table?: string | null;
            /** @description Only the rows of these tables of it. */
            tables?: string[];
            /** @description The folder that it goes to, from the root; or a bucket of the shop's media, as `s3://NAME/PREFIX`. */
            target?: string | null;
            /** @description The whole new configuration, as it is told: the file, and behind it what it includes. */
            text?: string | null;
            /**
             * @description The window to wait for; `now`: none, whatever the configuration says. Without it, as its rules
             *     say.
             */
            window?: string | null;
            /** @description No dump of the database where the journal of its changes stands for it. */
            without_dump?: boolean;
        };
    };
    responses: never;
    parameters: never;
    requestBodies: never;
    headers: never;
    pathItems: never;
}
export type $defs = Record<string, never>;
export type operations = Record<string, never>;
