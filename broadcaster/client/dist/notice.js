import {
  mountNotice
} from "./shared-I6FHREOQ.js";
import "./shared-FPVI63QI.js";
export {
  mountNotice
};
