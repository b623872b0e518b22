import {
  mountNotice
} from "./shared-H6DALYIS.js";
import "./shared-FPVI63QI.js";
export {
  mountNotice
};
