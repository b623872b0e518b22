import {
  mountNotice
} from "./shared-TIFXVSMS.js";
import "./shared-FPVI63QI.js";
export {
  mountNotice
};
