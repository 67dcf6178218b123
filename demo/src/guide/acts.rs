//! The things to try, as the page shows them: what each does, and where to look.

use serde::Serialize;

use crate::customers::Kind;

/// Which stages an act fits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fits {
    Every,
    /// Needs the faults that only the sample shop has.
    SampleShop,
    /// Is something that Storewarden lives through.
    WithStorewarden,
    /// Both.
    SampleWithStorewarden,
}

/// One thing to try.
#[derive(Debug, Serialize)]
pub(crate) struct Act {
    /// The word for the command line.
    pub(crate) id: &'static str,
    pub(crate) title: &'static str,
    pub(crate) what: &'static str,
    pub(crate) look_at: &'static str,
    pub(crate) button: &'static str,
    /// The act that ends this one, for what stays broken until somebody mends it.
    pub(crate) undo: Option<&'static str>,
    pub(crate) undo_button: Option<&'static str>,
    #[serde(skip)]
    fits: Fits,
}

impl Act {
    pub(crate) fn is_for(&self, kind: Kind, has_storewarden: bool) -> bool {
        match self.fits {
            Fits::Every => true,
            Fits::SampleShop => kind == Kind::Sample,
            Fits::WithStorewarden => has_storewarden,
            Fits::SampleWithStorewarden => kind == Kind::Sample && has_storewarden,
        }
    }
}

const fn act(
    id: &'static str,
    title: &'static str,
    what: &'static str,
    look_at: &'static str,
    button: &'static str,
) -> Act {
    Act { id, title, what, look_at, button, undo: None, undo_button: None, fits: Fits::Every }
}

pub(super) const ACTS: [Act; 24] = [
    Act {
        undo: Some("start-instance"),
        undo_button: Some("Start it now"),
        ..act(
            "kill-instance",
            "Kill an app server",
            "Ends app-1 with kill -9, in the middle of whatever it was doing. It is started again after fifteen seconds.",
            "Shop › Instances: app-1 is Down within a second, app-2 takes its visitors, and orders a minute go on. When app-1 is back it is Warming up: it gets its share little by little.",
            "Kill app-1",
        )
    },
    Act {
        fits: Fits::WithStorewarden,
        ..act(
            "hang-instance",
            "Let an instance hang",
            "Stops app-1 in its tracks: it runs, takes connections and answers nothing, as behind a lock that nobody gives back. No service manager notices.",
            "Shop › Instances: app-1 is Down, app-2 takes its visitors. A few seconds later Incidents has one whose remedy was approved beforehand: Storewarden restarts app-1 as a run of its own, sees that it is well, and closes the incident. The run is named in its timeline.",
            "Let app-1 hang",
        )
    },
    act(
        "stop-both",
        "Take the whole shop away for ten seconds",
        "Stops both instances, waits ten seconds and starts them again, as a careless deploy does.",
        "Shop › Held and queued: visitors wait with an open page instead of seeing an error, those in checkout first. When the shop is back they are let in at a gentle rate. The failures above stay where they are.",
        "Stop both",
    ),
    act(
        "redeploy",
        "Deploy a new version",
        "Storewarden makes a plan and carries it out: each instance is drained, restarted, waited for, and given visitors again, one after the other.",
        "Changes: the run, step by step, with what would undo each. Shop › Instances: one is Draining while the other works, then they change places. Nothing fails, and no cart is lost.",
        "Redeploy",
    ),
    Act {
        fits: Fits::WithStorewarden,
        ..act(
            "redeploy-and-die",
            "Kill Storewarden in the middle of a deploy",
            "Starts the same deploy, and ends the control process with kill -9 while an instance is restarting.",
            "Changes: a second later another control has taken the run over. It looks what became of the step, guesses nothing, and goes on to the end.",
            "Deploy and kill",
        )
    },
    Act {
        fits: Fits::WithStorewarden,
        ..act(
            "propose-change",
            "Sign a change off",
            "Proposes a change of the configuration: an address for help on the page that visitors see when the shop is away.",
            "Changes: the run waits for you, with the difference it makes. Approve it; then take it back with Undo.",
            "Propose it",
        )
    },
    Act {
        fits: Fits::WithStorewarden,
        ..act(
            "explore",
            "Ask for any metric",
            "Asks Storewarden in PromQL which programs of this machine keep its processors busiest, as Grafana would, and says what it answers.",
            "More › Explore: type sum by (groupname) (rate(nam and take what is offered; Enter draws it. Or find a metric below by what it is. Give Grafana the address of Storewarden with /prometheus behind it, and it asks the same.",
            "Ask",
        )
    },
    Act {
        fits: Fits::WithStorewarden,
        ..act(
            "take-backup",
            "Take a backup and restore from it",
            "Backs the shop up, its database as of one moment and its pictures, and restores the pictures into a folder beside the live ones.",
            "Backups: the newest is of now; look into it down to a single picture. Changes: both runs, with bytes, rate and time left. The button Recovery sheet there makes the one page that opens the backups when this machine is gone. It says how to try it, into a folder of its own, and how another machine becomes this one by it.",
            "Back up and restore",
        )
    },
    Act {
        fits: Fits::SampleWithStorewarden,
        ..act(
            "delete-order",
            "Delete an order, and bring it back",
            "Deletes the shop's newest order: the row, its lines, its payment, its cart. No backup has it, and nobody has written its number down.",
            "Incidents: within seconds one says that an order vanished, and nobody here did that. Bring them back lists it there, with the second at which it went. Open it: every row as it was just before, beside what is there now. Bring it back, here or there; it has its own number again, and all else stays as it is: the incident is over. Changes: the run, and Undo takes the order out again. Without PostgreSQL there is no journal: there the order is missed when the next backup comes.",
            "Delete the newest order",
        )
    },
    Act {
        fits: Fits::SampleWithStorewarden,
        ..act(
            "restore-beside",
            "Restore the whole shop beside the live one",
            "Restores the newest backup whole: its files into a folder, its database into a new one beside the live one, every row held against the backup. Then a second shop is started from them, on a port of its own.",
            "Changes: the run, with rate and time left. What happened, below, says where the second shop is: open it, its orders are those of the backup. The first one sells on, and the orders a minute on this page do not notice.",
            "Restore it all",
        )
    },
    Act {
        fits: Fits::SampleWithStorewarden,
        ..act(
            "go-back",
            "Go back in time without losing the orders since",
            "Deletes an order that the newest backup has, and restores the database of that backup in the place of the shop's own. The orders that came since are carried over, each with its lines, its payment and its buyer.",
            "Changes: the run, with the orders that were carried before and after the exchange. The shop sells on; the deleted order is there again, and so is every newer one. Orders › Confirmed and missing has none. Undo exchanges the databases again. Without PostgreSQL the run says what keeps it from it: no instance may have the file open.",
            "Go back",
        )
    },
    Act {
        fits: Fits::SampleWithStorewarden,
        ..act(
            "go-to-a-moment",
            "Have the database as it was at any second",
            "Sells for a few seconds, deletes an order that no backup has, and restores the database beside the live one as it was the second before: the newest backup, and every change since made once more. On PostgreSQL only: SQLite tells no changes.",
            "Changes: the run says which backup it went by, and how many changes were made again. Backups › Restore has a field for the moment. The command does the same: storewarden backup restore --database --as-of 20s.",
            "Go to a moment",
        )
    },
    Act {
        undo: Some("safe-setting"),
        undo_button: Some("Make it safe again"),
        fits: Fits::WithStorewarden,
        ..act(
            "unsafe-setting",
            "Set the database up to lose orders",
            "Changes one setting of the database's server, as advice for more speed often says: a commit no longer waits for the disk. The shop notices nothing; a power cut would take the last paid orders.",
            "Databases, Look again: the setting is found, with why it is dangerous and the statement that mends it. Mend … shows the plan, changes the setting back and looks at it; Undo would put it back as it was found. On PostgreSQL and MariaDB: SQLite has no server.",
            "Make it unsafe",
        )
    },
    Act {
        undo: Some("remove-replica"),
        undo_button: Some("Remove it"),
        fits: Fits::WithStorewarden,
        ..act(
            "add-replica",
            "Have a second server follow the database",
            "Makes a replica of the shop's database by a plan, while customers buy: its own server, with every row, which follows within moments and is kept running. Kill it, and it comes back.",
            "Changes: the run with its two steps. Databases: the replica, and how far it is behind. The commands do the same: storewarden database replica add, list and remove. On PostgreSQL and MariaDB: SQLite has no server.",
            "Add a replica",
        )
    },
    Act {
        fits: Fits::WithStorewarden,
        ..act(
            "damage-backup",
            "Damage a backup",
            "Turns one bit of the repository around, as a disk does that grows old, has every byte of it read again, and tries the newest backup by restoring it. What is damaged stays so in this demonstration.",
            "Backups: the last drill says which file did not come back, and that the database and its orders did; the sample shop itself is started from what came back, and answers. Changes: both runs fail and name what is damaged. A backup that is there is not taken for one that can be restored.",
            "Damage it",
        )
    },
    Act {
        undo: Some("mend-checkout"),
        undo_button: Some("Mend the checkout"),
        fits: Fits::SampleShop,
        ..act(
            "break-checkout",
            "Break the checkout",
            "The payment provider answers nothing but errors. Pages are as fast as ever; only the money stops.",
            "Overview: the sentence at the top says that the checkout fails, since when, and about how much is lost. No chart of the servers would have told you.",
            "Break the checkout",
        )
    },
    Act {
        undo: Some("mend-slow-checkout"),
        undo_button: Some("Make it quick again"),
        fits: Fits::SampleShop,
        ..act(
            "slow-checkout",
            "Slow the checkout",
            "Placing an order takes five seconds longer; every other page is as quick as ever, and nothing fails.",
            "Shop › Route classes: Checkout alone has become slow. Explore, with storewarden_shop_orders_per_minute: fewer orders a minute, and not one error.",
            "Slow it down",
        )
    },
    Act {
        undo: Some("mend-queue"),
        undo_button: Some("Let it work again"),
        fits: Fits::SampleWithStorewarden,
        ..act(
            "hang-queue",
            "Let a queue of the shop hang",
            "The workers that confirm orders by mail do nothing any more. The shop sells on, and no page says that nobody gets a confirmation. On PostgreSQL only.",
            "Services: the queue mails, how many jobs wait and since when. Within two minutes Incidents has one that names it. It ends by itself when the queue is worked on again.",
            "Let it hang",
        )
    },
    Act {
        undo: Some("mend-queries"),
        undo_button: Some("Make it quick again"),
        fits: Fits::SampleShop,
        ..act(
            "slow-queries",
            "Make the database slow",
            "Every query takes 600 ms longer, as after a missing index.",
            "Overview: First byte, p95 climbs. Shop › Route classes: those that Storewarden has in its cache stay quick.",
            "Slow it down",
        )
    },
    Act {
        undo: Some("mend-errors"),
        undo_button: Some("Stop the errors"),
        fits: Fits::SampleShop,
        ..act(
            "errors",
            "Let every fifth page fail",
            "Both instances answer a fifth of their pages with an error.",
            "Overview: Errors, and the sentence at the top. Shop: both instances have them, and Route classes says where. More › Checks: the journey to the checkout fails now and then, with the step at which it stopped and what that saw.",
            "Start the errors",
        )
    },
    Act {
        undo: Some("mend-leak"),
        undo_button: Some("Stop the leak"),
        fits: Fits::SampleShop,
        ..act(
            "leak",
            "Leak memory",
            "Each page that app-1 makes costs it 5 MB that it never gives back. Past 512 MB it dies, as if the system had run out.",
            "Overview › Processor and memory: memory climbs. Then app-1 goes down by itself, the shop goes on with app-2, and Storewarden starts app-1 again. Turn the customers up to see it sooner.",
            "Start the leak",
        )
    },
    Act {
        fits: Fits::WithStorewarden,
        ..act(
            "kill-control",
            "Kill Storewarden’s own head",
            "Ends the control process with kill -9: the one with the interface, the store and the judgement.",
            "The orders on this page go on: the edge serves from what it knows. Storewarden’s interface says that its live line is cut, and a moment later it is back, nothing forgotten.",
            "Kill control",
        )
    },
    Act {
        fits: Fits::SampleWithStorewarden,
        ..act(
            "kill-stream",
            "Kill what follows the database",
            "Ends the process with kill -9 that brings every change of the database into a journal, while orders come in. On PostgreSQL only: SQLite tells no changes.",
            "Backups › Changes between backups: it is followed again within a second, and not behind. What was sold meanwhile is in the journal too: the database had kept it for the next one. Below it, the copies elsewhere are current again as well.",
            "Kill the stream",
        )
    },
    Act {
        fits: Fits::WithStorewarden,
        ..act(
            "replace-edge",
            "Replace the edge while everybody shops",
            "Starts a new edge process, hands it the listening sockets, and lets the old one finish its requests.",
            "What happened: “Edge started”, as a mark on every chart. Not one connection was refused: the failures above stay where they are.",
            "Replace the edge",
        )
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_words_of_the_command_line() {
        for act in &ACTS {
            assert!(act.id.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-'));
            assert_eq!(act.undo.is_some(), act.undo_button.is_some(), "{}", act.id);
        }
    }
}
